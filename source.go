package whoql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/vtab"
)

// maxAtOnce is how many gets by key run side by side.
const maxAtOnce = 8

// A source reads tables through the orgs' clients, for one query.
type source struct{ query *query }

// Scan implements [vtab.Source]. It decides what to ask, which fails before any request if a
// request parameter or the org is wrong; the requests are made as rows are read.
func (s *source) Scan(ctx context.Context, scan *vtab.Scan) (vtab.Rows, error) {
	if r := s.query.recorder; r != nil {
		return r.Scan(ctx, scan)
	}
	orgs, err := s.query.orgs(scan.Orgs)
	if err != nil {
		return nil, err
	}
	s.query.noteOrgs(orgs)
	calls, err := s.query.callsFor(scan)
	if err != nil {
		return nil, err
	}
	for i, o := range orgs {
		reading := s.query.reads.of(scan.Table.Path())
		orgs[i].client = o.client.Metered(s.query.meter).Metered(&reading.meter)
		orgs[i].reading = reading
		orgs[i].counted = func(objects int64) { s.query.counted(o.client, scan.Table.Path(), objects) }
		orgs[i].engine, orgs[i].got = s.query.engine, s.query.got
	}
	return newScanRows(calls, scan.Limit, orgs, len(s.query.engine.options.Orgs) > 1, s.query.engine.options.Cursors), nil
}

// An orgScan reads calls of a scan from one org: first the gets, then each list page by page. It
// belongs to one goroutine at a time.
type orgScan struct {
	orgClient
	calls      *calls
	next       int // the call to begin next, counted through gets (as one) and lists
	pages      *okta.Pages
	later      bool       // a page of pages was read before
	last       string     // the value of the order's column in the object read last
	projection projection // what pages asks for
	again      string     // why the list of pages was begun again, with whole objects; "": it wasn't
}

// A batch is what one step of an orgScan reads.
type batch struct {
	items [][]byte
	// ahead is the item at which the next batch is asked for; -1: not before all are read.
	ahead int
	// end: nothing comes any more, and items is empty.
	end bool
	// last: the list has no other page.
	last bool
	// times are those of the items, in milliseconds since 1970, where the list is read in ranges; nil if
	// some item has none.
	times        []int64
	took, waited time.Duration // see okta.Page
}

// read returns the next batch: the objects of all gets, or a page.
func (r *orgScan) read(ctx context.Context) (batch, error) {
	for {
		if r.pages == nil {
			items, more, err := r.begin(ctx)
			if err != nil || !more {
				return batch{end: true}, err
			}
			if r.pages == nil {
				r.reading.objects.Add(int64(len(items)))
				return batch{items: items, ahead: -1}, nil
			}
		}
		end := r.reading.call()
		page, err := r.pages.Next(ctx)
		end()
		if err == io.EOF { // and nothing that wraps it: a broken connection is an EOF too
			if err := r.stop(); err != nil {
				return batch{}, err
			}
			continue
		}
		if okta.IsNotFound(err) && len(r.calls.required) > 0 && !r.later {
			// What a required parameter names isn't there, and so has nothing.
			if err := r.stop(); err != nil {
				return batch{}, err
			}
			continue
		}
		if r.asksAgain(page.Items, err) {
			continue
		}
		if err != nil {
			return batch{}, err
		}
		if path := r.projection.lacking(page.Items); path != "" {
			return batch{}, &FieldsError{Path: path}
		}
		if r.again != "" {
			r.engine.unprojected.add(r.name, r.again)
			r.again = ""
		}
		l := &r.calls.lists[r.next-r.calls.getSteps()-1]
		if l.cut != "" && len(page.Items) >= l.size {
			return batch{}, &CutOffError{Parameter: l.cut, Limit: l.size}
		}
		if err := r.inOrder(l, page.Items); err != nil {
			return batch{}, err
		}
		// The next page is fetched while this one is read: from the middle of the first page, from
		// the start of later ones, so that whoever needs few rows costs few requests.
		r.reading.objects.Add(int64(len(page.Items)))
		b := batch{items: page.Items, ahead: len(page.Items) / 2}
		if r.later {
			b.ahead = 0
		}
		if page.Last {
			b.ahead = -1
		}
		if l.by != nil {
			b.times, b.last = timesOf(page.Items, strings.Join(l.by.Path, ".")), page.Last
			b.took, b.waited = page.Took, page.Waited
		}
		r.later = true
		return b, nil
	}
}

// begin starts the next call: it makes the gets and returns what they found, or sets r.pages to a
// list. more is false behind the last call.
func (r *orgScan) begin(ctx context.Context) (items [][]byte, more bool, err error) {
	step := r.next
	if step >= r.calls.getSteps()+len(r.calls.lists) {
		return nil, false, nil
	}
	r.next++
	if step < r.calls.getSteps() {
		items, err = r.get(ctx, r.client)
		return items, true, err
	}
	r.list(&r.calls.lists[step-r.calls.getSteps()])
	return nil, true, nil
}

// list begins a list.
func (r *orgScan) list(l *listCall) {
	r.projection = projection{}
	if !r.engine.options.NoProjection {
		r.projection = r.calls.projection(l)
	}
	if r.again != "" || r.engine.unprojected.has(r.name) {
		r.projection.fields, r.projection.has = "", nil
	}
	client, query := r.client, l.query
	if r.projection.trimmed {
		client = client.Trimmed()
	}
	if r.projection.fields != "" {
		query = maps.Clone(query)
		query.Set("fields", r.projection.fields)
	}
	r.later, r.last = false, ""
	r.pages = client.Pages(r.calls.listOperation, l.path, query, okta.PageOptions{
		Size: l.size, NoPaging: l.onePage(), NeedID: r.calls.table.Column("id") != nil, Stable: l.by != nil,
	})
}

// asksAgain begins a list again, with whole objects, if its first page says that the org doesn't take the
// parameter fields.
func (r *orgScan) asksAgain(items [][]byte, err error) bool {
	switch {
	case r.projection.fields == "" || r.later:
		return false
	case refuses(err):
		r.again = "refuses the parameter fields"
	case err == nil && r.projection.lacking(items) != "":
		r.again = "doesn't send " + r.projection.lacking(items) + ", which the parameter fields asked for"
	default:
		return false
	}
	_ = r.stop() // it is always nil
	r.list(&r.calls.lists[r.next-r.calls.getSteps()-1])
	return true
}

// getOne gets an object by its key.
func (r *orgScan) getOne(ctx context.Context, client *okta.Client, path string) ([]byte, error) {
	if r.got == nil {
		return client.Get(ctx, r.calls.getOperation, path, nil)
	}
	answer, err := client.Do(ctx, okta.Request{Operation: r.calls.getOperation, Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	r.got.put(r.name, answer, r.engine.now())
	return answer.Body, nil
}

// get makes the gets, a few side by side, and returns the objects found in the order of the keys.
func (r *orgScan) get(ctx context.Context, client *okta.Client) ([][]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !r.engine.options.NoProjection && r.calls.projection(nil).trimmed {
		client = client.Trimmed()
	}
	objects := make([][]byte, len(r.calls.gets))
	errs := make([]error, len(r.calls.gets))
	slots := make(chan struct{}, maxAtOnce)
	var wg sync.WaitGroup
	for i, path := range r.calls.gets {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer r.reading.call()()
			objects[i], errs[i] = r.getOne(ctx, client, path)
			if okta.IsNotFound(errs[i]) {
				errs[i] = nil // no such object: no row
			}
			if errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	var found [][]byte
	var again []string
	for i, obj := range objects {
		switch {
		case errs[i] != nil && !errors.Is(errs[i], context.Canceled):
			return nil, errs[i]
		case obj == nil:
		case gjson.GetBytes(obj, "id").String() == "":
			return nil, fmt.Errorf("%s: the answer has no id", r.calls.getOperation)
		case len(r.calls.key.Path) > 1 && !strings.EqualFold(gjson.GetBytes(obj, strings.Join(r.calls.key.Path, ".")).String(), r.calls.keys[i]):
			// The API also takes short names in the place of logins. Whoever has this very login is
			// not the one who came.
			again = append(again, r.calls.keys[i])
		default:
			found = append(found, obj)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, l := range searches(r.calls.table.List(), r.calls.key, again) {
		more, err := r.readAll(ctx, client, l)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// readAll reads a list that is short, since it has a few keys' objects.
func (r *orgScan) readAll(ctx context.Context, client *okta.Client, l listCall) ([][]byte, error) {
	pages := client.Pages(r.calls.listOperation, l.path, l.query, okta.PageOptions{Size: l.size, NeedID: true})
	defer pages.Close()
	var out [][]byte
	for {
		end := r.reading.call()
		page, err := pages.Next(ctx)
		end()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
	}
}

// inOrder checks the order of a page's objects, since SQLite relies on it.
func (r *orgScan) inOrder(l *listCall, items [][]byte) error {
	if l.order == nil {
		return nil
	}
	path := strings.Join(l.order.Path, ".")
	for _, obj := range items {
		v := gjson.GetBytes(obj, path)
		if v.Type != gjson.String || r.last != "" && v.Str != r.last && (v.Str < r.last) != l.desc {
			return &OrderError{Column: l.order.Name}
		}
		r.last = v.Str
	}
	return nil
}

func (r *orgScan) stop() error {
	if r.pages == nil {
		return nil
	}
	err := r.pages.Close()
	r.pages = nil
	return err
}

// A CutOffError is an answer that the API limits to a number of objects, and which has that many:
// there may be more, so it is no result.
type CutOffError struct {
	Parameter string
	Limit     int
}

// Error says what to do instead.
func (e *CutOffError) Error() string {
	return fmt.Sprintf("%s found %d rows, which is the most it gives: there may be more. Make it longer, or use search", e.Parameter, e.Limit)
}

// An OrderError is an answer whose objects don't come in the order that was asked for.
type OrderError struct {
	// Column is the one by which the API was to sort.
	Column string
}

// Error says what to do instead.
func (e *OrderError) Error() string {
	return fmt.Sprintf("the API was asked to sort by %s, and its answer isn't sorted: leave out LIMIT", e.Column)
}
