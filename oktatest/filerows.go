package oktatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// fileTables are the tables of an org's file. The comments are for whoever opens it with a SQLite shell.
const fileTables = `
CREATE TABLE settings( -- what the generated users are made of, and how far the clock is set ahead
  name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE types( -- the user types with their schemas; json is NULL where one was deleted
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, json TEXT) STRICT;
CREATE TABLE groups( -- json is NULL where one was deleted
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, json TEXT) STRICT;
CREATE TABLE members( -- who joined (1) or left (0) a group since it was made
  group_number INTEGER NOT NULL, user_number INTEGER NOT NULL, user_id TEXT NOT NULL, joined INTEGER NOT NULL,
  PRIMARY KEY(group_number, user_number)) STRICT, WITHOUT ROWID;
CREATE TABLE users( -- those who aren't as they were generated; json is NULL where one was deleted
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, json TEXT) STRICT;
`

// create writes a new org to its file.
func (f *orgFile) create(o *Org) error {
	if err := f.ready(); err != nil {
		return err
	}
	err := f.transact(func() error {
		err := f.conn.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; %s", fileID, fileFormat, fileTables))
		if err != nil {
			return err
		}
		r := o.opts.recipe()
		for name, value := range map[string]string{settingGenerator: strconv.Itoa(generatorVersion), settingUsers: strconv.Itoa(r.users),
			settingSeed: strconv.FormatUint(r.seed, 10), settingSuffix: r.suffix, settingDay: r.day, settingOwner: strconv.FormatBool(r.owner), settingID: o.id} {
			if err := f.set(name, value); err != nil {
				return err
			}
		}
		for _, t := range o.types {
			if err := (typeStep{t: *t}).save(o, f); err != nil {
				return err
			}
		}
		for _, t := range o.groups {
			if err := (groupStep{t: *t}).save(o, f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	f.isNew = false
	// Into the file itself, so that it can be told by its first bytes what it is.
	if err := f.conn.Exec("PRAGMA wal_checkpoint(truncate)"); err != nil {
		return f.problem(err)
	}
	return nil
}

// load makes the org what its file says. The org is still being made.
func (f *orgFile) load(o *Org) error {
	o.types, o.groups = nil, nil
	for _, read := range []func(*Org) error{f.check, f.loadTypes, f.loadGroups, f.loadUsers, f.loadMembers, f.loadClock, f.loadID} {
		if err := read(o); err != nil {
			return f.unreadable(err)
		}
	}
	if err := f.ready(); err != nil {
		return err
	}
	return f.keepID(o)
}

// check finds damage that reading alone would miss: https://sqlite.org/pragma.html#pragma_quick_check
func (f *orgFile) check(*Org) error {
	return f.query("PRAGMA quick_check(1)", func(s *sqlite3.Stmt) error {
		if text := s.ColumnText(0); text != "ok" {
			return damaged("%s", text)
		}
		return nil
	})
}

// numbered gives yield the rows of types, groups or users: number and JSON, which is nil for what was
// deleted. idOf says what the id of a number must be.
func (f *orgFile) numbered(table string, idOf func(int) string, yield func(int, []byte) error) error {
	return f.query("SELECT number, id, json FROM "+table+" ORDER BY number", func(s *sqlite3.Stmt) error {
		number, id := s.ColumnInt(0), s.ColumnText(1)
		if number < 0 || idOf(number) != id {
			return damaged("%d of %s has the id %s", number, table, id)
		}
		if err := yield(number, s.ColumnRawText(2)); err != nil {
			return damaged("%s of %s: %v", id, table, err)
		}
		return nil
	})
}

func (s userStep) save(o *Org, f *orgFile) error {
	return f.put("users", s.i, o.store.gen.id(s.i), s.u != nil, func() any { return s.u.saved() })
}

func (s groupStep) save(_ *Org, f *orgFile) error {
	if s.gone {
		if err := f.exec("DELETE FROM members WHERE group_number = ?1", s.t.number); err != nil {
			return err
		}
	}
	return f.put("groups", s.t.number, s.t.id, !s.gone, func() any { return s.t.saved() })
}

func (s memberStep) save(o *Org, f *orgFile) error {
	joined := 0
	if s.in {
		joined = 1
	}
	return f.exec("INSERT OR REPLACE INTO members VALUES (?1, ?2, ?3, ?4)", s.t.number, s.i, o.store.gen.id(s.i), joined)
}

func (s typeStep) save(_ *Org, f *orgFile) error {
	return f.put("types", s.t.number, "oty"+s.t.tail, !s.gone, func() any { return s.t.saved() })
}

// save rewrites the users who have the attributes. Of generated users the types' schemas tell.
func (s dropStep) save(o *Org, f *orgFile) error {
	for _, i := range o.store.live {
		u := o.store.changed[i]
		if without := s.dropped(u); without != u {
			if err := (userStep{i, without}).save(o, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s clockStep) save(_ *Org, f *orgFile) error {
	return f.set(settingClock, time.Duration(s.offset).String())
}

// put writes a row. saved returns what its JSON says; without it the row is that of something deleted.
func (f *orgFile) put(table string, number int, id string, there bool, saved func() any) error {
	var text any
	if there {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(saved()); err != nil {
			return err
		}
		text = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	}
	return f.exec("INSERT OR REPLACE INTO "+table+" VALUES (?1, ?2, ?3)", number, id, text)
}

// read reads the JSON of a row.
func read[T any](text []byte) (v T, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return v, dec.Decode(&v)
}

func (f *orgFile) loadTypes(o *Org) error {
	id := func(k int) string { return "oty" + o.store.gen.typeTailOf(k) }
	return f.numbered("types", id, func(number int, text []byte) error {
		step := typeStep{t: userType{number: number, tail: o.store.gen.typeTailOf(number), isDefault: number == 0}, gone: text == nil}
		if text != nil {
			saved, err := read[savedType](text)
			if err == nil {
				err = saved.into(&step.t)
			}
			if err != nil {
				return err
			}
			for a := baseAttrs; a < attrs; a++ { // what generated users don't have any more
				if !slices.ContainsFunc(step.t.schema.custom, func(p *property) bool { return p.gen == a }) {
					o.store.gen = o.store.gen.without(step.t.tail, a)
				}
			}
		}
		step.apply(o)
		return nil
	})
}

func (f *orgFile) loadGroups(o *Org) error {
	if len(o.types) == 0 || !o.types[0].isDefault {
		return damaged("it has no default user type")
	}
	return f.numbered("groups", o.store.gen.groupID, func(number int, text []byte) error {
		step := groupStep{t: group{number: number, id: o.store.gen.groupID(number)}, gone: text == nil}
		if text != nil {
			saved, err := read[savedGroup](text)
			if err == nil {
				err = saved.into(&step.t)
			}
			if err != nil {
				return err
			}
		}
		step.apply(o)
		return nil
	})
}

func (f *orgFile) loadUsers(o *Org) error {
	return f.numbered("users", o.store.gen.id, func(i int, text []byte) error {
		step := userStep{i: i}
		if text != nil {
			saved, err := read[savedUser](text)
			if err == nil {
				step.u, err = saved.user(o.store.gen.id(i))
			}
			if err == nil && o.typeByTail(step.u.typeTail) == nil {
				err = fmt.Errorf("there is no user type oty%s", step.u.typeTail)
			}
			if err != nil {
				return err
			}
		}
		step.apply(o)
		return nil
	})
}

func (f *orgFile) loadMembers(o *Org) error {
	byNumber := map[int]*group{}
	for _, t := range o.groups {
		byNumber[t.number] = t
	}
	return f.query("SELECT group_number, user_number, user_id, joined FROM members", func(s *sqlite3.Stmt) error {
		t, i := byNumber[s.ColumnInt(0)], s.ColumnInt(1)
		if t == nil || i < 0 || i >= o.store.next || o.store.gen.id(i) != s.ColumnText(2) {
			return damaged("%s is a member of group %d", s.ColumnText(2), s.ColumnInt(0))
		}
		memberStep{t, i, s.ColumnBool(3)}.apply(o)
		return nil
	})
}

func (f *orgFile) loadClock(o *Org) error {
	return f.query("SELECT value FROM settings WHERE name = '"+settingClock+"'", func(s *sqlite3.Stmt) error {
		d, err := time.ParseDuration(s.ColumnText(0))
		if err != nil {
			return damaged("the clock is set %s ahead", s.ColumnText(0))
		}
		clockStep{int64(d)}.apply(o)
		return nil
	})
}

// loadID makes the org's id that of the file, which has none if it was made before orgs had one.
func (f *orgFile) loadID(o *Org) error {
	return f.query("SELECT value FROM settings WHERE name = '"+settingID+"'", func(s *sqlite3.Stmt) error {
		if o.id = s.ColumnText(0); !isOrgID(o.id) {
			return damaged("the org has the id %s", o.id)
		}
		return nil
	})
}

// keepID gives a file without an id that of the org.
func (f *orgFile) keepID(o *Org) error {
	return f.transact(func() error {
		return f.exec("INSERT OR IGNORE INTO settings VALUES (?1, ?2)", settingID, o.id)
	})
}
