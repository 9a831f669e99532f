package whoql

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/vtab"
)

// scanRows gives the rows of a scan: what its orgs answer, side by side, and a few values of required
// parameters of each.
//
// Each part reads its next batch (a page, as a rule) on its own goroutine and then stops until the
// batch has been taken; whichever batch is there first is given first. So no org waits for another
// one's answers, and at any time there is at most a batch for each part and one more.
type scanRows struct {
	parts []*part
	lists []*ranging      // those that may be read in ranges
	limit int64           // rows that will be read at most; -1: not known
	seen  map[string]bool // ids given so far, where several calls can give the same object
	named bool            // errors say which org they are of

	ready  chan filled
	cancel context.CancelFunc // ends what is being read
	ctx    context.Context
	busy   int // parts whose batch is being read or waits in ready
	now    *part
	waited bool             // for the last batch, which wasn't there yet
	listed int64            // objects of all batches taken
	sizes  map[string]int64 // those of tables that are read whole, by org
	err    error            // the first one
}

// A part is one org of a scan, or one of maxAtOnce that share the calls to it: those for the values of
// required parameters. While it is busy, its scan belongs to the goroutine that reads.
type part struct {
	scan  *orgScan
	queue *queue
	span  *span // what it walks of a list that may be read in ranges; nil: all that the queue has
	busy  bool
	ended bool
	batch batch
	item  int // the next one of the batch
}

// A queue is what is left to read from one org.
type queue struct {
	org   orgClient
	calls []calls
}

// next makes the scan of the first calls in the queue the part's own, and reports whether there is one.
func (p *part) next() bool {
	if len(p.queue.calls) == 0 {
		return false
	}
	p.scan = &orgScan{orgClient: p.queue.org, calls: &p.queue.calls[0]}
	p.queue.calls = p.queue.calls[1:]
	return true
}

type filled struct {
	part  *part
	batch batch
	err   error
}

// newScanRows makes no request. named: errors say which org they are of; cursors: how many may read a list
// side by side.
func newScanRows(all []calls, limit int64, orgs []orgClient, named bool, cursors int) *scanRows {
	r := &scanRows{limit: limit, named: named}
	lanes := min(len(all), maxAtOnce)
	if limit >= 0 {
		lanes = min(lanes, int(max(limit, 1))) // each value can be the last that is needed
	}
	for _, o := range orgs {
		q := &queue{org: o, calls: all}
		for range lanes {
			p := &part{queue: q}
			p.next()
			r.parts = append(r.parts, p)
			if p.scan != nil && p.scan.calls.ranged() {
				r.lists = append(r.lists, newRanging(r, p, max(cursors/len(orgs), min(cursors, 2))))
			}
		}
	}
	r.ready = make(chan filled, len(r.parts)+cursors*len(r.lists))
	if len(all) > 0 && len(all[0].gets)+len(all[0].lists) > 1 {
		r.seen = map[string]bool{}
	}
	return r
}

// Next implements [vtab.Rows].
func (r *scanRows) Next(ctx context.Context) (vtab.Object, error) {
	for r.err == nil {
		p := r.now
		if p == nil || p.item >= len(p.batch.items) {
			r.err = r.turn(ctx)
			continue
		}
		if p.item == p.batch.ahead && !r.enough() {
			r.fill(ctx, p)
		}
		obj := p.batch.items[p.item]
		p.item++
		if !r.repeated(p, obj) {
			return vtab.Object{JSON: obj, Org: p.scan.name, Required: p.scan.calls.required}, nil
		}
	}
	return vtab.Object{}, r.err
}

// Begin implements [vtab.Beginner].
func (r *scanRows) Begin(ctx context.Context) {
	if r.err != nil || r.limit == 0 {
		return
	}
	for _, p := range r.parts {
		r.fill(ctx, p)
	}
}

// Peek implements [vtab.Peeker]: it knows the rest of the batch.
func (r *scanRows) Peek(i int) (vtab.Object, bool) {
	p := r.now
	if p == nil || i >= len(p.batch.items)-p.item {
		return vtab.Object{}, false
	}
	return vtab.Object{JSON: p.batch.items[p.item+i], Org: p.scan.name, Required: p.scan.calls.required}, true
}

// enough reports whether what was listed may be all that is needed: then no page is fetched on the
// mere chance.
func (r *scanRows) enough() bool { return r.limit >= 0 && r.listed >= r.limit }

// turn takes the batch that is there first, having asked every idle part for one; io.EOF behind the
// last.
func (r *scanRows) turn(ctx context.Context) error {
	r.now = nil
	for _, g := range r.lists {
		g.grow()
	}
	for _, p := range r.parts {
		if r.busy > 0 && r.enough() {
			break
		}
		r.fill(ctx, p)
	}
	if r.busy == 0 {
		return r.end()
	}
	f := r.await()
	p := f.part
	p.busy, p.batch, p.item = false, f.batch, 0
	if f.err != nil && p.span != nil && p.span.list.failed(p.span, f.err) {
		return p.span.list.refuse(p.span, &p.batch)
	}
	if f.err == nil && p.span != nil {
		f.err = p.span.list.took(p, &p.batch)
	}
	if f.err != nil {
		if r.named {
			return &OrgError{Org: p.scan.name, Err: f.err}
		}
		return f.err
	}
	if p.span == nil {
		p.ended = f.batch.end && !p.next()
	}
	r.now = p
	r.listed += int64(len(p.batch.items))
	if p.scan.calls.whole {
		if r.sizes == nil {
			r.sizes = map[string]int64{}
		}
		r.sizes[p.scan.name] += int64(len(p.batch.items))
	}
	return nil
}

// end is io.EOF behind the last row.
func (r *scanRows) end() error {
	for _, p := range r.parts {
		if !p.ended {
			return errors.New("internal error: a list was left unread")
		}
	}
	for _, p := range r.parts {
		if n, ok := r.sizes[p.scan.name]; ok {
			p.scan.counted(n)
		}
	}
	return io.EOF
}

// await takes a batch that is there, or the next one that comes.
func (r *scanRows) await() filled {
	r.waited = len(r.ready) == 0
	f := <-r.ready
	r.busy--
	return f
}

// fill starts to read a part's next batch, unless that is under way or there is none.
func (r *scanRows) fill(ctx context.Context, p *part) {
	if p.busy || p.ended || p.span != nil && !p.span.list.may(p.span) {
		return
	}
	if r.cancel == nil {
		r.ctx, r.cancel = context.WithCancel(ctx)
	}
	p.busy = true
	r.busy++
	go func() {
		b, err := p.scan.read(r.ctx)
		r.ready <- filled{p, b, err}
	}()
}

// repeated reports whether an object was given before: two logins that differ in case, or a login
// and its short name, are the same user.
func (r *scanRows) repeated(p *part, obj []byte) bool {
	if r.seen == nil {
		return false
	}
	id := p.scan.name + "\x00" + strings.Join(p.scan.calls.required, "\x00") + "\x00" + gjson.GetBytes(obj, "id").String()
	if r.seen[id] {
		return true
	}
	r.seen[id] = true
	return false
}

// Close implements [vtab.Rows]. It ends what is being read and waits for it.
func (r *scanRows) Close() error {
	if r.cancel != nil {
		r.cancel()
	}
	for ; r.busy > 0; r.busy-- {
		<-r.ready
	}
	if r.err == nil {
		r.err = io.EOF
	}
	var err error
	for _, p := range r.parts {
		if e := p.scan.stop(); err == nil {
			err = e
		}
	}
	return err
}
