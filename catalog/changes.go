package catalog

import (
	"net/http"
	"slices"
	"strings"
)

// Changes says which calls the assignments of an UPDATE become.
type Changes struct {
	// Read is the SELECT method that reads one object by its key, and is never behind.
	Read *Method
	// Update is the method that changes the attributes it is given and leaves the others.
	Update *Method
	// Replace is the method that replaces the profile as a whole. It isn't on the provider's page, so it
	// isn't among Resource.Methods.
	Replace *Method
	// Removable are the statuses in which the DELETE method removes an object. In others it does something
	// else, so a DELETE statement is refused. Empty: it removes any.
	Removable []string
	// Status is the table for SET status = …, in which the first line that fits is taken.
	Status []StatusChange
}

// Runs reports whether this version of whoql can run a method of the resource. The others are recognised
// and refused.
func (r *Resource) Runs(m *Method) bool { return m.Verb == "SELECT" || r.Changes != nil }

// A StatusChange is a line of the table for SET status: who is to be To and is in one of From gets Method.
type StatusChange struct {
	To   string
	From []string
	// If is a condition that has to hold, too, one of [WithPassword] and its siblings; "": none.
	If     string
	Method *Method
	// Last is true where the call comes behind those for other assignments of the same SET; else it comes
	// before them.
	Last bool
}

// A Move says where a method leads: objects whose status is one of From come to To.
type Move struct {
	From []string
	// To is a status, or [Previous] for the one from before the present one.
	To string
	// If is as in [StatusChange].
	If string
	// Undo is the method that undoes this move, whatever is said of the operation as a whole; "": that counts.
	Undo string
}

// A Mailing says when an operation mails the person it is about.
type Mailing struct {
	// By is the boolean parameter that has to be true.
	By *Param
	// To is the status that the person has to come to; "": any.
	To string
}

// Facts are what the conditions of moves are about.
type Facts struct {
	// Password is whether the object has a password; NewPassword whether the call sets one.
	Password, NewPassword bool
}

// Previous is the Move.To of a method that leads back to the status from before.
const Previous = "previous"

// The values of Move.If and StatusChange.If.
const (
	WithPassword    = "with password"
	WithoutPassword = "without password"
	NewPassword     = "new password" // the call sets one
)

// The values of Method.Witness: how to tell afterwards whether a call whose answer never came took
// effect. Times are the object's own.
const (
	// WitnessStatus: the status is where the method leads, and statusChanged is the call's start or later.
	WitnessStatus = "status"
	// WitnessProfile: the attributes have the values that were sent.
	WitnessProfile = "profile"
	// WitnessPassword: passwordChanged is the call's start or later.
	WitnessPassword = "password"
	// WitnessCreated: there is an object with that login, created at the call's start or later.
	WitnessCreated = "created"
	// WitnessGone: the object isn't there any more.
	WitnessGone = "gone"
)

var (
	witnesses  = []string{WitnessStatus, WitnessProfile, WitnessPassword, WitnessCreated, WitnessGone}
	conditions = []string{WithPassword, WithoutPassword, NewPassword}
	moveKeys   = []string{"from", "to", "if", "undo"}
)

// effects reads what a method does to an object, and how that is seen and undone.
func (o object) effects(m *Method) {
	for _, n := range o.list("moves") {
		e := o.reader.object(n, o.subject+": move", moveKeys...)
		v := Move{From: e.words("from"), To: e.text("to"), If: e.condition(), Undo: e.optional("undo")}
		if len(v.From) == 0 {
			e.fail("from", "from is missing")
		}
		m.Moves = append(m.Moves, v)
	}
	if o.values["witness"] != nil {
		m.Witness = o.oneOf("witness", witnesses)
	}
	m.Irreversible = o.optional("irreversible")
	m.Undo = o.optional("undo")
	m.Renew = o.optional("renew")
	o.mails(m)
	if m.Irreversible != "" && m.Undo != "" {
		o.fail("undo", "what is irreversible can't be undone")
	}
	if m.Verb == "SELECT" && (len(m.Moves) > 0 || m.Witness != "" || m.Irreversible != "" || m.Undo != "") {
		o.fail("verb", "a SELECT changes nothing")
	}
	for _, name := range m.Secrets {
		if !slices.Contains(m.Returns, name) {
			o.fail("secrets", "the secret %s isn't among what returns has", name)
		}
	}
	if m.Renew != "" && len(m.Secrets) == 0 {
		o.fail("renew", "renew is for methods that answer with secrets")
	}
}

// mails reads when a method mails people. Its parameters have been read.
func (o object) mails(m *Method) {
	n := o.values["mails"]
	if n == nil {
		return
	}
	e := o.reader.object(n, o.subject+": mails", "by", "to")
	by := e.name("by")
	m.Mails = &Mailing{To: e.optional("to")}
	for _, p := range m.Params {
		if p.Name == by && p.Type == "boolean" {
			m.Mails.By = p
		}
	}
	if m.Mails.By == nil {
		e.fail("by", "%s is no boolean parameter of %s", by, m.Name)
		m.Mails = nil
	}
}

func (o object) condition() string {
	if o.values["if"] == nil {
		return ""
	}
	return o.oneOf("if", conditions)
}

var methodKeys = []string{"name", "description", "verb", "operation", "request", "key", "page", "maxPage", "usual", "fields", "trims", "success", "answer", "returns", "secrets",
	"statuses", "params", "body", "examples", "moves", "witness", "irreversible", "undo", "renew", "mails"}

// changes reads how UPDATE works. The methods of the resource have been read.
func (r *reader) changes(o object, res *Resource, shared map[string]*Param, used map[string]bool) {
	n := o.values["changes"]
	if n == nil {
		return
	}
	c := r.object(n, "changes", "read", "update", "replace", "removable", "status")
	named := func(o object, key string) *Method {
		m := res.Method(o.name(key))
		if m == nil {
			o.fail(key, "%s is no method of this resource", key)
			return new(Method)
		}
		return m
	}
	res.Changes = &Changes{Read: named(c, "read"), Update: named(c, "update")}
	if res.Changes.Read.HTTP != http.MethodGet {
		c.fail("read", "read must be a GET")
	}
	if c.values["replace"] != nil {
		m := r.object(c.values["replace"], "replace", methodKeys...).named("name")
		res.Changes.Replace = m.method(shared, used)
		r.at[res.Changes.Replace] = m
		if res.Changes.Replace.HTTP != http.MethodPut {
			m.fail("request", "replace must be a PUT")
		}
	}
	res.Changes.Removable = c.words("removable")
	r.known(c, res, "removable", res.Changes.Removable...)
	for _, n := range c.list("status") {
		e := r.object(n, "status", "to", "from", "if", "method", "last")
		s := StatusChange{To: e.text("to"), From: e.words("from"), If: e.condition(), Last: e.flag("last"), Method: named(e, "method")}
		for _, from := range s.From {
			if m := s.Method; len(m.Statuses) > 0 && !slices.Contains(m.Statuses, from) {
				e.fail("from", "%s isn't allowed from %s", m.Name, from)
			}
		}
		r.known(e, res, "to", s.To)
		r.known(e, res, "from", s.From...)
		res.Changes.Status = append(res.Changes.Status, s)
	}
}

// known fails if one of the words is no status of the resource.
func (r *reader) known(o object, res *Resource, key string, words ...string) {
	c := res.Column("status")
	for _, s := range words {
		if c == nil || !slices.Contains(c.Values, s) {
			o.fail(key, "status %q is not one of the values of column status", s)
		}
	}
}

// checkEffects compares what methods do with the resource's statuses and with each other.
func (r *reader) checkEffects(res *Resource) {
	methods := res.Methods
	if res.Changes != nil && res.Changes.Replace != nil {
		methods = append(slices.Clone(methods), res.Changes.Replace)
	}
	for _, m := range methods {
		o := r.at[m]
		for _, v := range m.Moves {
			r.known(o, res, "moves", v.From...)
			if v.To != Previous {
				r.known(o, res, "moves", v.To)
			}
			for _, from := range v.From {
				if v.Undo != "" && res.Method(v.Undo) == nil {
					o.fail("moves", "undo %q is no method of this resource", v.Undo)
				}
				if len(m.Statuses) > 0 && !slices.Contains(m.Statuses, from) {
					o.fail("moves", "a move begins at %s, from which the method isn't allowed", from)
				}
			}
		}
		if m.Undo != "" && m.Undo != UndoValues && res.Method(m.Undo) == nil {
			o.fail("undo", "undo %q is no method of this resource", m.Undo)
		}
		if m.Renew != "" && res.Method(m.Renew) == nil {
			o.fail("renew", "renew %q is no method of this resource", m.Renew)
		}
	}
}

// UndoValues is the Method.Undo of a method that is undone by writing the former values.
const UndoValues = "former values"

// Destination returns the status that the method leads to from a status: from itself if it doesn't
// move, [Previous] if it leads back, and ok false if it isn't allowed from there.
func (m *Method) Destination(from string, f Facts) (to string, ok bool) {
	if len(m.Statuses) > 0 && !slices.Contains(m.Statuses, from) {
		return "", false
	}
	if v := m.move(from, f); v != nil {
		return v.To, true
	}
	return from, true
}

// Back returns what undoes the method where it begins at a status, as in Method.Undo, and what can't be
// brought back.
func (m *Method) Back(from string, f Facts) (undo, irreversible string) {
	if v := m.move(from, f); v != nil && v.Undo != "" {
		return v.Undo, ""
	}
	return m.Undo, m.Irreversible
}

func (m *Method) move(from string, f Facts) *Move {
	for i := range m.Moves {
		if v := &m.Moves[i]; slices.Contains(v.From, from) && f.hold(v.If) {
			return v
		}
	}
	return nil
}

func (f Facts) hold(condition string) bool {
	switch condition {
	case WithPassword:
		return f.Password
	case WithoutPassword:
		return !f.Password
	case NewPassword:
		return f.NewPassword
	}
	return true
}

// SetStatus returns the line of the table for SET status = to that fits an object, or nil.
func (c *Changes) SetStatus(from, to string, f Facts) *StatusChange {
	for i := range c.Status {
		s := &c.Status[i]
		if strings.EqualFold(s.To, to) && slices.Contains(s.From, from) && f.hold(s.If) {
			return s
		}
	}
	return nil
}
