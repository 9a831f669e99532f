package oktatest

// A step is one part of what a request changes. It says what is to be, not how to get there from what
// was, so that the rows of an org's file are steps too: those that made the org what it is.
type step interface {
	// save writes the step to the org's file, within a transaction. It changes nothing in memory.
	save(*Org, *orgFile) error
	// apply makes the step so in memory. It can't fail.
	apply(*Org)
}

// commit makes steps so, all of them or none: first in the org's file, if it has one, then in memory. What
// can't be kept hasn't happened. The caller holds the store's lock for writing, so that nobody sees the
// org between the two.
func (o *Org) commit(steps ...step) error {
	if o.file != nil {
		err := o.file.transact(func() error {
			for _, one := range steps {
				if err := one.save(o, o.file); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, one := range steps {
		one.apply(o)
	}
	return nil
}

// keep is commit for an operation of the API.
func (o *Org) keep(steps ...step) *apiError {
	if err := o.commit(steps...); err != nil {
		bad := errInternal()
		bad.causes = []string{err.Error()}
		return bad
	}
	return nil
}

// A userStep stores u as user i. The store keeps u, which isn't changed from then on; nil deletes the
// user for good.
type userStep struct {
	i int
	u *user
}

func (s userStep) apply(o *Org) {
	if s.u == nil {
		o.store.remove(s.i)
	} else {
		o.store.put(s.i, s.u)
	}
}

// A groupStep makes a group what t says, but for its members, or adds it. gone deletes it instead; its
// members stay in the org.
type groupStep struct {
	t    group
	gone bool
}

func (s groupStep) apply(o *Org) {
	o.groupsMade = max(o.groupsMade, s.t.number+1)
	for at, t := range o.groups {
		if t.number != s.t.number {
			continue
		}
		if s.gone {
			o.groups = append(o.groups[:at:at], o.groups[at+1:]...)
			return
		}
		s.t.changed = t.changed
		*t = s.t
		return
	}
	if !s.gone {
		o.groups = append(o.groups, &s.t)
	}
}

// A memberStep makes user i a member of a group, or none.
type memberStep struct {
	t  *group // of the org, or one that an earlier step adds
	i  int
	in bool
}

func (s memberStep) apply(o *Org) {
	if t := o.groupByID(s.t.id); t != nil {
		if t.changed == nil {
			t.changed = map[int]bool{}
		}
		t.changed[s.i] = s.in
	}
}

// A typeStep makes a user type and its schema what t says, or adds it. gone deletes it instead.
type typeStep struct {
	t    userType
	gone bool
}

func (s typeStep) apply(o *Org) {
	o.typesMade = max(o.typesMade, s.t.number+1)
	defer o.learn()
	for at, t := range o.types {
		if t.number != s.t.number {
			continue
		}
		if s.gone {
			o.types = append(o.types[:at:at], o.types[at+1:]...)
		} else {
			o.types[at] = &s.t
		}
		return
	}
	if !s.gone {
		o.types = append(o.types, &s.t)
	}
}

// A dropStep takes attributes away from all users of a type.
type dropStep struct {
	typeTail   string
	attributes []*property
}

func (s dropStep) apply(o *Org) {
	for _, p := range s.attributes {
		o.eachStore(func(to *store) { to.dropAttribute(s.typeTail, p.name, p.gen) })
		o.store.index.dropAttribute(s.typeTail, p.name)
	}
	o.learn()
}

// dropped returns the user without the step's attributes; u itself if nothing changes.
func (s dropStep) dropped(u *user) *user {
	if u.typeTail == s.typeTail {
		for _, p := range s.attributes {
			u = u.dropped(p.name)
		}
	}
	return u
}

// A clockStep sets how far the org's clock is from Options.Now.
type clockStep struct{ offset int64 }

func (s clockStep) apply(o *Org) { o.clock.offset.Store(s.offset) }
