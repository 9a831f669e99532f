package whoql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

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
func (s *source) Scan(_ context.Context, scan *vtab.Scan) (vtab.Rows, error) {
	orgs, err := s.query.orgs(scan.Orgs)
	if err != nil {
		return nil, err
	}
	calls, err := callsFor(scan)
	if err != nil {
		return nil, err
	}
	rows := &scanRows{calls: calls, limit: scan.Limit}
	for _, o := range orgs {
		rows.orgs = append(rows.orgs, orgClient{o.Name, o.Client.Metered(s.query.meter)})
	}
	if len(calls.gets)+len(calls.lists) > 1 {
		rows.seen = map[string]bool{}
	}
	return rows, nil
}

// orgs returns the orgs that a scan reads: the named ones, else the default.
func (q *query) orgs(wanted []any) ([]Org, error) {
	all := q.engine.options.Orgs
	if len(all) == 0 {
		return nil, ErrNoOrg
	}
	if wanted == nil {
		return all[:1], nil
	}
	var out []Org
	for _, w := range wanted {
		name, ok := w.(string)
		if !ok {
			return nil, fmt.Errorf("subdomain is %s, not an org's name", describeValue(w))
		}
		o, err := q.org(name)
		if err != nil {
			return nil, err
		}
		// Two spellings are one org, whose rows must not come twice.
		if !slices.ContainsFunc(out, func(have Org) bool { return have.Client == o.Client }) {
			out = append(out, o)
		}
	}
	return out, nil
}

// org finds an org by its name. SQLite checks the name again, as exactly as it was written, so the
// org is given back under that spelling.
func (q *query) org(name string) (Org, error) {
	var known []string
	for _, o := range q.engine.options.Orgs {
		if strings.EqualFold(o.Name, name) {
			o.Name = name
			return o, q.answerTo(o)
		}
		known = append(known, o.Name)
	}
	for _, o := range q.engine.options.Orgs {
		if o.AnyName && name != "" {
			o.Name = name
			return o, q.answerTo(o)
		}
	}
	return Org{}, &UnknownOrgError{Name: name, Known: known}
}

// answerTo gives an org that answers to any name the one it has in this query; a second one is an
// error, since one org would answer as two.
func (q *query) answerTo(o Org) error {
	if !o.AnyName {
		return nil
	}
	if q.anyName != "" && !strings.EqualFold(q.anyName, o.Name) {
		return fmt.Errorf("the sandbox is one org, but the query reads two: %s and %s", q.anyName, o.Name)
	}
	q.anyName = o.Name
	return nil
}

type orgClient struct {
	name   string
	client *okta.Client
}

// scanRows reads the calls of a scan, org by org: first the gets, then each list page by page.
type scanRows struct {
	orgs  []orgClient
	calls calls
	limit int64           // rows that will be read at most; -1: not known
	seen  map[string]bool // ids given so far, where several calls can give the same object

	org    int
	next   int // the call to begin next, counted through gets (as one) and lists
	got    [][]byte
	pages  *okta.Pages
	page   okta.Page
	item   int
	listed int64 // objects listed so far by the current list
}

// Next implements [vtab.Rows].
func (r *scanRows) Next(ctx context.Context) (vtab.Object, error) {
	for {
		if r.org >= len(r.orgs) {
			return vtab.Object{}, io.EOF
		}
		obj, err := r.object(ctx)
		switch {
		case err == io.EOF: // and nothing that wraps it: a broken connection is an EOF too
			if err := r.begin(ctx); err != nil {
				return vtab.Object{}, err
			}
			continue
		case err != nil:
			return vtab.Object{}, err
		case r.repeated(obj):
			continue
		}
		return vtab.Object{JSON: obj, Org: r.orgs[r.org].name}, nil
	}
}

// repeated reports whether an object was given before: two logins that differ in case, or a login
// and its short name, are the same user.
func (r *scanRows) repeated(obj []byte) bool {
	if r.seen == nil {
		return false
	}
	id := r.orgs[r.org].name + "\x00" + gjson.GetBytes(obj, "id").String()
	if r.seen[id] {
		return true
	}
	r.seen[id] = true
	return false
}

// object returns the next object of the current call, io.EOF behind its last.
func (r *scanRows) object(ctx context.Context) ([]byte, error) {
	if len(r.got) > 0 {
		obj := r.got[0]
		r.got = r.got[1:]
		return obj, nil
	}
	if r.pages == nil {
		return nil, io.EOF
	}
	for r.item >= len(r.page.Items) {
		page, err := r.pages.Next(ctx)
		if err != nil {
			return nil, err
		}
		r.page, r.item = page, 0
		r.listed += int64(len(page.Items))
		if l := r.calls.lists[r.next-r.calls.getSteps()-1]; l.whole && len(page.Items) >= l.size {
			return nil, &CutOffError{Parameter: "q", Limit: l.size}
		}
	}
	// The next page is fetched while this one is read: from the middle of the first page, from the
	// start of later ones, so that whoever needs few rows costs few requests. While what is listed
	// may be all that is needed, no page is fetched on the mere chance.
	if r.item == r.ahead() && !r.page.Last && (r.limit < 0 || r.listed < r.limit) {
		r.pages.Prefetch(ctx)
	}
	obj := r.page.Items[r.item]
	r.item++
	return obj, nil
}

// ahead is the item of the current page at which the next page is asked for.
func (r *scanRows) ahead() int {
	if r.listed > int64(len(r.page.Items)) {
		return 0
	}
	return len(r.page.Items) / 2
}

// begin starts the next call, or the next org's first; behind the last one it leaves r.org at the
// end.
func (r *scanRows) begin(ctx context.Context) error {
	if err := r.stop(); err != nil {
		return err
	}
	steps := r.calls.getSteps() + len(r.calls.lists)
	if r.next >= steps {
		r.org, r.next = r.org+1, 0
		if r.org >= len(r.orgs) || steps == 0 {
			r.org = len(r.orgs)
			return nil
		}
	}
	client := r.orgs[r.org].client
	step := r.next
	r.next++
	if step < r.calls.getSteps() {
		var err error
		r.got, err = r.get(ctx, client)
		return err
	}
	l := r.calls.lists[step-r.calls.getSteps()]
	r.listed, r.page, r.item = 0, okta.Page{}, 0
	r.pages = client.Pages(r.calls.listOperation, l.path, l.query, okta.PageOptions{Size: l.size, NoPaging: l.whole, NeedID: r.calls.table.Column("id") != nil})
	return nil
}

// get makes the gets, a few side by side, and returns the objects found in the order of the keys.
func (r *scanRows) get(ctx context.Context, client *okta.Client) ([][]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	objects := make([][]byte, len(r.calls.gets))
	errs := make([]error, len(r.calls.gets))
	slots := make(chan struct{}, maxAtOnce)
	var wg sync.WaitGroup
	for i, path := range r.calls.gets {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			objects[i], errs[i] = client.Get(ctx, r.calls.getOperation, path, nil)
			if okta.IsNotFound(errs[i]) {
				errs[i] = nil // no such user: no row
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
	for _, l := range searches(operation(r.calls.table, false), r.calls.key, again) {
		more, err := r.readAll(ctx, client, l)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// readAll reads a list that is short, since it has a few keys' objects.
func (r *scanRows) readAll(ctx context.Context, client *okta.Client, l listCall) ([][]byte, error) {
	pages := client.Pages(r.calls.listOperation, l.path, l.query, okta.PageOptions{Size: l.size, NeedID: true})
	defer pages.Close()
	var out [][]byte
	for {
		page, err := pages.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
	}
}

func (r *scanRows) stop() error {
	if r.pages == nil {
		return nil
	}
	err := r.pages.Close()
	r.pages = nil
	return err
}

// Close implements [vtab.Rows].
func (r *scanRows) Close() error { return r.stop() }

// A CutOffError is an answer that the API limits to a number of objects, and which has that many:
// there may be more, so it is no result.
type CutOffError struct {
	Parameter string
	Limit     int
}

// Error says what to do instead.
func (e *CutOffError) Error() string {
	return fmt.Sprintf("%s found %d users, which is the most it gives: there may be more. Make it longer, or use search", e.Parameter, e.Limit)
}
