package whoql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/stmt"
)

// oktaID is what the ids of objects look like that an EXEC may be about.
var oktaID = regexp.MustCompile(`^00[a-z][A-Za-z0-9]{17}$`)

// readTargets reads the objects that an EXEC names, so that the plan knows who they are and how they
// stand: nobody who is protected is missed because of another name, such as "me". One that isn't found
// keeps its key, and the org is the judge.
func (c *changeResult) readTargets(ctx context.Context, asks []change.Ask) error {
	read := c.resource.Changes.Read
	if read == nil || !keyed(c.method) {
		return nil
	}
	if !c.change.For {
		asks[0].Anyway = true // and the org says whether the status allows it
	} else if err := c.searchTargets(ctx, asks); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(asks))
	slots := make(chan struct{}, maxAtOnce)
	var group sync.WaitGroup
	for i := range asks {
		if asks[i].Object != nil {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if errs[i] = c.getTarget(ctx, read, &asks[i]); errs[i] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

// keyed says whether a method is about one object, which a parameter in its path names.
func keyed(m *catalog.Method) bool {
	for _, p := range m.Params {
		if p.In == "path" {
			return true
		}
	}
	return false
}

// getTarget reads an object by whatever stands for it in a path.
func (c *changeResult) getTarget(ctx context.Context, read *catalog.Method, ask *change.Ask) error {
	values := map[string]string{}
	for _, p := range read.Params {
		if p.In == "path" {
			values[p.Name] = ask.Key
		}
	}
	path, err := routePath(read, values)
	if err != nil {
		ask.Refused = "this can't be sent as part of a call's address: no id or login is like it"
		if strings.Contains(ask.Key, "/") {
			ask.Refused = fmt.Sprintf("a login with a slash can't be sent as part of a call's address: give the id, or EXEC … FOR SELECT id AS userId FROM %s WHERE login = '…'", c.resource.Path())
		}
		return nil
	}
	org, err := (&query{engine: c.query.engine}).org(ask.Org)
	if err != nil {
		return err
	}
	o, err := org.connect()
	if err != nil {
		return err
	}
	answer, err := o.client.Metered(c.query.meter).Do(ctx, okta.Request{Operation: words(read.Operation), Method: read.HTTP, Path: path})
	switch {
	case okta.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	ask.Object, ask.ETag, ask.Read = answer.Body, answer.ETag, c.query.engine.now()
	return nil
}

// searchTargets reads many objects by a query over the table, which takes one call for a hundred of them.
func (c *changeResult) searchTargets(ctx context.Context, asks []change.Ask) error {
	byOrg := map[string][]string{}
	for _, a := range asks {
		if oktaID.MatchString(a.Key) {
			byOrg[a.Org] = append(byOrg[a.Org], a.Key)
		}
	}
	type key struct{ org, id string }
	found := map[key]jsonText{}
	read := map[key]time.Time{}
	for org, ids := range byOrg {
		var text strings.Builder
		text.WriteString("SELECT ")
		for _, f := range c.fields {
			text.WriteString(stmt.Quote(f.Name) + ", ")
		}
		fmt.Fprintf(&text, "1 FROM %s WHERE %s = %s AND id IN (", stmt.Quote(c.resource.Path()), orgColumn, literal(org))
		for i, id := range ids {
			if i > 0 {
				text.WriteString(", ")
			}
			text.WriteString(literal(id))
		}
		text.WriteString(")")
		statements, err := stmt.Split(text.String())
		if err != nil {
			return err
		}
		_, st, err := c.query.prepare(ctx, statements[0], false, nil)
		if err != nil {
			return err
		}
		for {
			more, err := st.Step(ctx)
			if err != nil || !more {
				st.Close()
				if err != nil {
					return err
				}
				break
			}
			values := make([]any, len(c.fields))
			for i := range values {
				values[i] = valueOf(st, i)
			}
			object := objectOf(c.fields, values)
			k := key{org, gjson.GetBytes(object, "id").String()}
			found[k], read[k] = object, c.query.engine.now()
		}
	}
	for i := range asks {
		k := key{asks[i].Org, asks[i].Key}
		if object := found[k]; object != nil {
			asks[i].Object, asks[i].Read, asks[i].Index = object, read[k], true
		}
	}
	return nil
}

// literal is a text as SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// A gotten keeps when objects were got by their keys, and in which version, so that a change of one that its
// statement names needn't read it again. Safe for concurrent use.
type gotten struct {
	mu   sync.Mutex
	read map[gottenKey]gottenObject
}

type gottenKey struct{ org, id string }

type gottenObject struct {
	etag string
	at   time.Time
}

func (g *gotten) put(org string, answer *okta.Answer, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.read == nil {
		g.read = map[gottenKey]gottenObject{}
	}
	g.read[gottenKey{org, gjson.GetBytes(answer.Body, "id").String()}] = gottenObject{answer.ETag, at}
}

// note notes in an ask how its object was read. Without a get it came from the search index, as far as anybody
// knows.
func (g *gotten) note(ask *change.Ask, now time.Time) {
	ask.Read, ask.Index = now, true
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if o, ok := g.read[gottenKey{ask.Org, gjson.GetBytes(ask.Object, "id").String()}]; ok {
		ask.ETag, ask.Read, ask.Index = o.etag, o.at, false
	}
}
