package vtab

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"unsafe"

	sqlite3 "github.com/ncruces/go-sqlite3"
	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
)

// A layout says where in an object the values of a table's columns stand. Objects are read one
// level at a time: the top level on the first use of a column, the level below (the profile) on the
// first use of one of its attributes.
type layout struct {
	levels  []level
	columns []place // one for each column
	// required has the place of each column in Object.Required, for those that are there.
	required map[int]int
	id       place
}

// A level is an object of the row: the row itself, or the value of one of its keys.
type level struct {
	keys   map[string]int // key → slot
	parent place          // where the level itself stands; unused for the first
}

// A place is a slot of a level; slot -1 is nowhere.
type place struct{ level, slot int }

func newLayout(r *catalog.Resource) *layout {
	l := &layout{levels: []level{{keys: map[string]int{}}}, required: map[int]int{}}
	at := map[string]int{"": 0}
	for n, c := range r.Columns {
		if c.Kind == catalog.KindRequired {
			l.required[n] = len(l.required)
		}
		p := place{0, -1}
		prefix := ""
		for i, key := range c.Path {
			p = place{p.level, l.slot(p.level, key)}
			if i == len(c.Path)-1 {
				break
			}
			prefix += "\x00" + key
			next, ok := at[prefix]
			if !ok {
				next = len(l.levels)
				at[prefix] = next
				l.levels = append(l.levels, level{keys: map[string]int{}, parent: p})
			}
			p = place{next, -1}
		}
		l.columns = append(l.columns, p)
	}
	l.id = place{0, l.slot(0, "id")}
	return l
}

func (l *layout) slot(level int, key string) int {
	keys := l.levels[level].keys
	if s, ok := keys[key]; ok {
		return s
	}
	keys[key] = len(keys)
	return keys[key]
}

// A row reads values out of the JSON of one object, each when it is first asked for.
type row struct {
	obj    Object
	layout *layout
	levels []levelValues
	whole  map[place]bool // places that are a used column's own, not just on the way to one
}

type levelValues struct {
	read   bool
	values []gjson.Result
	want   []bool // slots that the query uses
	wanted int
}

// use says which columns will be asked for: reading a level stops when they are found.
func (r *row) use(columns uint64) {
	r.levels = make([]levelValues, len(r.layout.levels))
	r.whole = map[place]bool{}
	for i := range r.levels {
		n := len(r.layout.levels[i].keys)
		r.levels[i].values = make([]gjson.Result, n)
		r.levels[i].want = make([]bool, n)
	}
	want := func(p place) {
		if lv := &r.levels[p.level]; p.slot >= 0 && !lv.want[p.slot] {
			lv.want[p.slot] = true
			lv.wanted++
		}
	}
	want(r.layout.id)
	for n, p := range r.layout.columns {
		if columns&bit(n) != 0 {
			want(p)
			r.whole[p] = true
			for l := p.level; l > 0; l = r.layout.levels[l].parent.level {
				want(r.layout.levels[l].parent)
			}
		}
	}
}

func (r *row) set(o Object) {
	r.obj = o
	for i := range r.levels {
		r.levels[i].read = false
	}
}

// rowID is a 63-bit hash of the org, the required parameters, and the id as JSON: 7 and "7" are two.
func (r *row) rowID() int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, r.obj.Org)
	_, _ = h.Write([]byte{0})
	for _, v := range r.obj.Required {
		_, _ = io.WriteString(h, v)
		_, _ = h.Write([]byte{0})
	}
	_, _ = io.WriteString(h, r.value(r.layout.id).Raw)
	return int64(h.Sum64() >> 1)
}

// value returns the JSON value at a place; one that does not exist has type Null and Raw "".
func (r *row) value(p place) gjson.Result {
	if p.slot < 0 {
		return gjson.Result{}
	}
	lv := &r.levels[p.level]
	if !lv.read {
		r.read(p.level)
	}
	return lv.values[p.slot]
}

func (r *row) read(n int) {
	lv := &r.levels[n]
	lv.read = true
	clear(lv.values)
	var obj gjson.Result
	if n == 0 {
		// The object's bytes are never written to again: no copy is needed.
		obj = gjson.Result{Type: gjson.JSON, Raw: unsafe.String(unsafe.SliceData(r.obj.JSON), len(r.obj.JSON))}
	} else {
		obj = r.value(r.layout.levels[n].parent)
	}
	if !obj.IsObject() {
		return
	}
	keys, left := r.layout.levels[n].keys, lv.wanted
	obj.ForEach(func(key, value gjson.Result) bool {
		if slot, ok := keys[key.Str]; ok && lv.want[slot] && lv.values[slot].Raw == "" {
			lv.values[slot] = value
			left--
		}
		return left > 0
	})
}

// result gives SQLite the value of a column: a JSON string is TEXT, a number INTEGER or REAL, a
// boolean 0 or 1, null or nothing NULL, an object or array its JSON text.
func (r *row) result(ctx sqlite3.Context, column int) {
	v := r.value(r.layout.columns[column])
	switch v.Type {
	case gjson.String:
		ctx.ResultText(v.Str)
	case gjson.Number:
		if !strings.ContainsAny(v.Raw, ".eE") {
			if n, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
				ctx.ResultInt64(n)
				return
			}
		}
		ctx.ResultFloat(v.Num)
	case gjson.True:
		ctx.ResultInt64(1)
	case gjson.False:
		ctx.ResultInt64(0)
	case gjson.JSON:
		ctx.ResultText(v.Raw)
	default:
		ctx.ResultNull()
	}
}

// A trimmer cuts objects down to the columns that a statement uses.
type trimmer struct {
	row   row
	names [][]string // level, slot → key as JSON, with a colon
}

func newTrimmer(l *layout, used uint64) *trimmer {
	t := &trimmer{row: row{layout: l}}
	t.row.use(used)
	for _, lv := range l.levels {
		names := make([]string, len(lv.keys))
		for key, slot := range lv.keys {
			quoted, _ := json.Marshal(key) // a string: it can't fail
			names[slot] = string(quoted) + ":"
		}
		t.names = append(t.names, names)
	}
	return t
}

// trim returns a new, smaller object with the same values in the columns used. A value that holds
// attributes which are used is cut down too, unless it is used whole.
func (t *trimmer) trim(object []byte) []byte {
	t.row.set(Object{JSON: object})
	out := t.level(make([]byte, 0, 128), 0)
	t.row.set(Object{})
	return out
}

func (t *trimmer) level(out []byte, n int) []byte {
	out = append(out, '{')
	first := true
	lv := &t.row.levels[n]
	for slot, want := range lv.want {
		if !want {
			continue
		}
		v := t.row.value(place{n, slot})
		if v.Raw == "" {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, t.names[n][slot]...)
		if sub := t.inside(place{n, slot}); sub >= 0 && v.IsObject() {
			out = t.level(out, sub)
		} else {
			out = append(out, v.Raw...)
		}
	}
	return append(out, '}')
}

// inside returns the level below a place if only that level's values are used, else -1.
func (t *trimmer) inside(p place) int {
	if t.row.whole[p] {
		return -1
	}
	for n := 1; n < len(t.row.layout.levels); n++ {
		if t.row.layout.levels[n].parent == p {
			return n
		}
	}
	return -1
}
