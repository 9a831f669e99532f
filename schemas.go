package whoql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
)

// The attributes that an org has added to its users' profiles stand in its user schemas, one for each
// user type. They are read when a statement names a column that isn't known, and kept for a day.

// A SchemaCache keeps texts about the user schemas of orgs: names, types and descriptions of
// attributes, nothing secret. It may be used concurrently. What can't be kept or got back is no error:
// the schemas are then read again.
type SchemaCache interface {
	// LoadSchemas returns the text that was stored last for an org's URL, or nil.
	LoadSchemas(orgURL string) []byte
	// StoreSchemas keeps a text, which it must not change.
	StoreSchemas(orgURL string, text []byte)
}

// memoryCache is the SchemaCache of an engine that was given none.
type memoryCache struct {
	mu    sync.Mutex
	texts map[string][]byte
}

func (m *memoryCache) LoadSchemas(orgURL string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.texts[orgURL]
}

func (m *memoryCache) StoreSchemas(orgURL string, text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.texts == nil {
		m.texts = map[string][]byte{}
	}
	m.texts[orgURL] = text
}

const (
	schemaAge     = 24 * time.Hour
	schemaVersion = 1

	userTypesPath   = "/api/v1/meta/types/user"    // Okta's listUserTypes
	userSchemasPath = "/api/v1/meta/schemas/user/" // Okta's getUserSchema
)

// orgSchemas are the attributes of an org, as they are kept.
type orgSchemas struct {
	Version    int                 `json:"version"`
	Org        string              `json:"org"` // its URL
	Read       time.Time           `json:"read"`
	Attributes []catalog.Attribute `json:"attributes"`

	asked bool // the org was asked by this query, so that asking again is of no use
}

// cachedSchemas returns what is kept of an org, if it is less than a day old; else nil.
func (e *Engine) cachedSchemas(orgURL string) *orgSchemas {
	var s orgSchemas
	if json.Unmarshal(e.schemas.LoadSchemas(orgURL), &s) != nil || s.Version != schemaVersion || s.Org != orgURL {
		return nil
	}
	if age := e.now().Sub(s.Read); age < 0 || age >= schemaAge {
		return nil
	}
	return &s
}

// schemasOf returns an org's attributes: those kept, unless again says to ask the org anew. It asks
// once in a query. silent says to ask nothing; nil then means that nothing is known.
func (q *query) schemasOf(ctx context.Context, o orgClient, again, silent bool) (*orgSchemas, error) {
	orgURL := o.client.URL()
	again = again || q.engine.options.RefreshSchemas
	if s := q.schemas[orgURL]; s != nil && (s.asked || silent || !again) {
		return s, nil
	}
	s := q.engine.cachedSchemas(orgURL)
	if !silent && (s == nil || again) {
		attributes, err := readSchemas(ctx, o.client.Metered(q.meter))
		if err != nil {
			return nil, err
		}
		s = &orgSchemas{Version: schemaVersion, Org: orgURL, Read: q.engine.now(), Attributes: attributes, asked: true}
		if text, err := json.Marshal(s); err == nil {
			q.engine.schemas.StoreSchemas(orgURL, text)
		}
	}
	if s != nil {
		q.schemas[orgURL] = s
	}
	return s, nil
}

// readSchemas reads the schemas of all of an org's user types.
func readSchemas(ctx context.Context, client *okta.Client) ([]catalog.Attribute, error) {
	types := client.Pages(words("listUserTypes"), userTypesPath, nil, okta.PageOptions{Size: -1, NoPaging: true, NeedID: true})
	defer types.Close()
	var lists [][]catalog.Attribute
	for {
		page, err := types.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, t := range page.Items {
			segment, err := schemaSegment(t)
			if err != nil {
				return nil, err
			}
			schema, err := client.Get(ctx, words("getUserSchema"), userSchemasPath+segment, nil)
			if err != nil {
				return nil, err
			}
			lists = append(lists, parseSchema(schema))
		}
	}
	all := catalog.MergeAttributes(lists...)
	for i := range all {
		all[i].Everywhere = true // in the org, if not in each of its types
	}
	return all, nil
}

// schemaSegment returns the id of a user type's schema, as its link names it, escaped. The host of the
// link isn't looked at: an org can have several.
func schemaSegment(userType []byte) (string, error) {
	id := gjson.GetBytes(userType, "id").String()
	href, err := url.Parse(gjson.GetBytes(userType, "_links.schema.href").String())
	if err == nil {
		if segment, err := okta.PathSegment(path.Base(href.Path)); err == nil && strings.HasSuffix(path.Dir(href.Path)+"/", userSchemasPath) {
			return segment, nil
		}
	}
	return "", fmt.Errorf("the user type %s has no link to its schema", id)
}

var attributeTypes = []string{"string", "boolean", "integer", "number", "array", "object"}

// parseSchema returns the attributes of one schema.
func parseSchema(schema []byte) []catalog.Attribute {
	var out []catalog.Attribute
	for _, part := range []string{"base", "custom"} {
		gjson.GetBytes(schema, "definitions."+part+".properties").ForEach(func(name, p gjson.Result) bool {
			a := catalog.Attribute{Name: name.String(), Type: p.Get("type").String(), Description: p.Get("description").String(), Everywhere: true}
			if !slices.Contains(attributeTypes, a.Type) {
				a.Type = catalog.Mixed
			}
			if a.Description == "" {
				a.Description = p.Get("title").String()
			}
			out = append(out, a)
			return true
		})
	}
	// A name in both is one attribute.
	return catalog.MergeAttributes(out)
}

// A schemaError is why an org's user schemas could not be read.
type schemaError struct {
	org string
	err error
}

func (e *schemaError) Error() string { return "the user schemas of " + e.org + ": " + e.err.Error() }

func (e *schemaError) Unwrap() error { return e.err }

// refused reports whether the org's answer was that the credential may not read schemas.
func (e *schemaError) refused() bool {
	var call *okta.Error
	return errors.As(e.err, &call) && call.Status == http.StatusForbidden
}
