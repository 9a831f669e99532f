package vtab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/vtab"
)

// contents is a table that needs to be told a box and a shelf.
var contents = &catalog.Resource{
	Provider: "memory", Service: "test", Name: "contents",
	Columns: []*catalog.Column{
		{Name: "id", Kind: catalog.KindField, Type: "string", Path: []string{"id"}},
		{Name: "box", Kind: catalog.KindRequired, Type: "string", Route: "box"},
		{Name: "v", Kind: catalog.KindAttribute, Type: "string", Path: []string{"data", "v"}},
		{Name: "shelf", Kind: catalog.KindRequired, Type: "string", Route: "shelf"},
	},
}

// boxes is a source in which each box of each shelf has as many things, 1 to so many.
type boxes struct {
	things      int
	scans       []string // box/shelf of each scan
	opens, most int      // scans that are not closed
}

type boxRows struct {
	*boxes
	sets [][]string
	at   int
}

func (s *boxes) Scan(_ context.Context, scan *vtab.Scan) (vtab.Rows, error) {
	rows := &boxRows{boxes: s}
	for _, box := range scan.Required[0].Values {
		for _, shelf := range scan.Required[1].Values {
			rows.sets = append(rows.sets, []string{fmt.Sprint(box), fmt.Sprint(shelf)})
			s.scans = append(s.scans, fmt.Sprintf("%v/%v", box, shelf))
		}
	}
	s.opens++
	s.most = max(s.most, s.opens)
	return rows, nil
}

func (r *boxRows) Next(context.Context) (vtab.Object, error) {
	if r.at == r.things {
		r.at, r.sets = 0, r.sets[1:]
	}
	if len(r.sets) == 0 {
		return vtab.Object{}, io.EOF
	}
	r.at++
	return vtab.Object{JSON: fmt.Appendf(nil, `{"id":"%d","data":{"v":%[1]d}}`, r.at), Org: "here", Required: r.sets[0]}, nil
}

func (r *boxRows) Close() error {
	r.opens--
	return nil
}

func openBoxes(t *testing.T, s *boxes, o vtab.Options) *vtab.DB {
	t.Helper()
	db := open(t, newMemory(`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`), o)
	if err := db.Register(contents, s); err != nil {
		t.Fatal(err)
	}
	return db
}

func queryBoxes(db *vtab.DB, sql string) ([][]any, error) {
	return query(db, strings.ReplaceAll(sql, "contents", `"memory.test.contents"`))
}

// Required parameters are bound by conditions or by other tables, in whatever order these are written.
func TestRequired(t *testing.T) {
	for _, o := range []vtab.Options{{}, {NoPushdown: true}} {
		for _, c := range []struct{ sql, rows, scans string }{
			{`SELECT * FROM contents WHERE box = 'a' AND shelf = 's'`, "[1] [2]", "a/s"},
			{`SELECT box, shelf, id, v FROM contents WHERE shelf = 's' AND box = 'a' AND v = 2`, "[a s 2 2]", "a/s"},
			{`SELECT box, shelf, id FROM contents WHERE box IN ('a', 'b') AND shelf IN ('s', 't') AND id = '1'`, "[a s 1] [a t 1] [b s 1] [b t 1]", "a/s a/t b/s b/t"},
			{`SELECT box FROM contents WHERE box IN ('a', 'b') AND box = 'a' AND shelf = 's' AND id = '1'`, "[a]", "a/s"},
			{`SELECT count(DISTINCT rowid) FROM contents WHERE box IN ('a', 'b') AND shelf IN ('s', 't')`, "[8]", "a/s a/t b/s b/t"},
			{`SELECT c.box, c.id FROM contents AS c JOIN things AS t ON c.box = t.id WHERE c.shelf = 's' AND c.id = '1'`, "[a 1] [b 1] [c 1]", "a/s b/s c/s"},
			{`SELECT c.box, c.id FROM things AS t JOIN contents AS c ON t.id = c.box AND c.shelf = t.id WHERE t.id > 'a' AND c.v = 1`, "[b 1] [c 1]", "b/b c/c"},
			{`SELECT t.id, c.id FROM things AS t LEFT JOIN contents AS c ON c.box = t.id AND c.shelf = 's' AND c.id = '3'`, "[a <nil>] [b <nil>] [c <nil>]", "a/s b/s c/s"},
			{`SELECT t.id FROM things AS t WHERE EXISTS (SELECT 1 FROM contents AS c WHERE c.box = t.id AND c.shelf = 's' AND c.id = '2')`, "[a] [b] [c]", "a/s b/s c/s"},
			{`SELECT (SELECT count(*) FROM contents AS c WHERE c.box = t.id AND c.shelf IN (t.id, 's')) FROM things AS t LIMIT 1`, "[4]", "a/a a/s"},
			{`SELECT a.id, b.box FROM contents AS a JOIN contents AS b ON b.box = a.id WHERE a.box = 'x' AND a.shelf = 's' AND b.shelf = a.shelf AND b.id = '1'`, "[1 1] [2 2]", "x/s 1/s 2/s"},
			{`SELECT count(*) FROM (SELECT box FROM contents WHERE box = 'x' AND shelf = 's') WHERE box = 'x'`, "[2]", "x/s"},
		} {
			s := &boxes{things: 2}
			rows, err := queryBoxes(openBoxes(t, s, o), c.sql)
			var got []string
			for _, r := range rows {
				got = append(got, fmt.Sprint(r))
			}
			if err != nil || strings.Join(got, " ") != c.rows || strings.Join(s.scans, " ") != c.scans {
				t.Errorf("%s\ngot  %s of %s, %v\nwant %s of %s", c.sql, got, s.scans, err, c.rows, c.scans)
			}
			if s.opens != 0 {
				t.Errorf("%s: %d scans are open", c.sql, s.opens)
			}
		}
	}
}

func TestRequiredUnbound(t *testing.T) {
	s := &boxes{things: 2}
	db := openBoxes(t, s, vtab.Options{})
	for sql, column := range map[string]string{
		`SELECT id FROM contents`:                                                                                "box",
		`SELECT id FROM contents WHERE shelf = 's'`:                                                              "box",
		`SELECT id FROM contents WHERE box = 's'`:                                                                "shelf",
		`SELECT id FROM contents WHERE box = 's' AND shelf > 's'`:                                                "shelf",
		`SELECT id FROM contents WHERE box = 's' AND shelf = 's' COLLATE NOCASE`:                                 "shelf",
		`SELECT id FROM contents WHERE (box = 's' AND shelf = 't') OR id = '1'`:                                  "box",
		`SELECT a.id FROM contents AS a JOIN contents AS b ON a.box = b.box AND b.shelf = 's' AND a.shelf = 's'`: "box",
		`SELECT t.id FROM contents AS c RIGHT JOIN things AS t ON c.box = t.id AND c.shelf = 's'`:                "box",
	} {
		_, err := queryBoxes(db, sql)
		var unbound *vtab.UnboundError
		if !errors.As(err, &unbound) || unbound.Column != column || !unbound.Required || unbound.Table != contents.Path() {
			t.Errorf("%s: %v, want %s", sql, err, column)
		}
	}
	if len(s.scans) > 0 {
		t.Errorf("scans: %q", s.scans)
	}
}

// numbers is a table of the texts b1, b2 … as far as the number says.
const numbers = `(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < %d) SELECT 'b' || x AS x FROM n) AS n`

// Lists that a join reads by a required parameter are kept for a while, and not for good.
func TestRecentShelves(t *testing.T) {
	for _, c := range []struct {
		name   string
		things int
		sql    string
		rows   [][]any
		scans  int
		opens  int // at most, at once
	}{
		{"read in part", 10, `SELECT count(*) FROM ` + fmt.Sprintf(numbers, 100) + ` WHERE EXISTS (SELECT 1 FROM contents AS c WHERE c.box = n.x AND c.shelf = 's' AND c.v > 3)`,
			[][]any{{int64(100)}}, 100, 18},
		{"read in part, a few again and again", 10, `SELECT count(*) FROM ` + fmt.Sprintf(numbers, 100) + ` WHERE EXISTS (SELECT 1 FROM contents AS c WHERE c.box = substr(n.x, -1) AND c.shelf = 's' AND c.v > 3)`,
			[][]any{{int64(100)}}, 10, 10},
		{"read whole, a few again and again", 10, `SELECT sum(v) FROM ` + fmt.Sprintf(numbers, 100) + ` JOIN contents AS c ON c.box = substr(n.x, -1) AND c.shelf = 's'`,
			[][]any{{int64(5500)}}, 10, 10},
		{"one within the other", 3, `SELECT count(*), sum(b.v) FROM ` + fmt.Sprintf(numbers, 30) + ` JOIN contents AS a ON a.box = n.x AND a.shelf = 's'
			JOIN contents AS b ON b.box = n.x || a.id AND b.shelf = a.shelf WHERE EXISTS (SELECT 1 FROM contents AS c WHERE c.box = n.x || a.id || b.id AND c.shelf = 's' AND c.v > 0)`,
			[][]any{{int64(270), int64(540)}}, 30 + 90 + 270, -1},
	} {
		s := &boxes{things: c.things}
		rows, err := queryBoxes(openBoxes(t, s, vtab.Options{}), c.sql)
		if err != nil || !reflect.DeepEqual(rows, c.rows) {
			t.Errorf("%s: %v, %v", c.name, rows, err)
		}
		if len(s.scans) != c.scans || c.opens >= 0 && s.most > c.opens || s.opens != 0 {
			t.Errorf("%s: %d scans, %d at once, %d open in the end", c.name, len(s.scans), s.most, s.opens)
		}
	}
	if testing.Short() {
		return
	}
	// 60 lists are more than is kept: the first is read again, the last isn't.
	s := &boxes{things: 2000}
	rows, err := queryBoxes(openBoxes(t, s, vtab.Options{}), `SELECT count(*) FROM (SELECT x FROM `+fmt.Sprintf(numbers, 60)+
		` UNION ALL VALUES ('b60'), ('b59'), ('b1'), ('b60')) AS n JOIN contents AS c ON c.box = n.x AND c.shelf = 's'`)
	if err != nil || !reflect.DeepEqual(rows, [][]any{{int64(128_000)}}) || len(s.scans) != 61 || s.scans[60] != "b1/s" || s.opens != 0 {
		t.Errorf("%v, %v; %d scans, the last of %s", rows, err, len(s.scans), s.scans[len(s.scans)-1])
	}
}
