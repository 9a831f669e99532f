package change

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/whoql/whoql/catalog"
)

// Calls is the number of calls that change something.
func (p *Plan) Calls() int {
	n := 0
	for _, r := range p.Rows {
		n += len(r.Steps)
	}
	return n
}

// A Summary is a plan in numbers.
type Summary struct {
	// Rows is the number of rows; Changing have steps, and the others are Unchanged or Refused.
	Rows      int `json:"rows"`
	Changing  int `json:"changing"`
	Unchanged int `json:"unchanged"`
	Refused   int `json:"refused"`
	// Calls is the number of calls that change something; Reads of those that look before, if the plan
	// is applied at once.
	Calls int `json:"calls"`
	Reads int `json:"reads"`
	// Methods counts the calls by the method's name.
	Methods map[string]int `json:"methods,omitempty"`
	// Irreversible counts the rows of which something can't be brought back.
	Irreversible int `json:"irreversible"`
	// Mailed counts the rows whose person gets a mail.
	Mailed int `json:"mailed,omitempty"`
	// Orgs are the names of the orgs that would be changed, in order.
	Orgs []string `json:"orgs,omitempty"`
	// Seconds is how long the calls take at the least, at the limits that [Plan.Summary] was told.
	Seconds float64 `json:"seconds"`
}

// A Limit is the bucket of the org's rate limit that a method's calls are taken from, and how many calls
// a minute it gives. PerMinute 0: no limit is known.
type Limit struct {
	Bucket    string
	PerMinute float64
}

// Summary sums the plan up. limit tells the limit of a method's calls, one bucket having the same limit
// whatever the method; nil: none is known.
func (p *Plan) Summary(limit func(org string, m *catalog.Method) Limit) Summary {
	s := Summary{Rows: len(p.Rows), Methods: map[string]int{}}
	type bucket struct{ org, name string }
	minutes := map[bucket]float64{}
	count := func(org string, m *catalog.Method) {
		if limit == nil {
			return
		}
		if l := limit(org, m); l.PerMinute > 0 {
			minutes[bucket{org, l.Bucket}] += 1 / l.PerMinute
		}
	}
	for _, r := range p.Rows {
		switch {
		case r.Refused != "":
			s.Refused++
			continue
		case len(r.Steps) == 0:
			s.Unchanged++
			continue
		}
		s.Changing++
		if !slices.Contains(s.Orgs, r.Org) {
			s.Orgs = append(s.Orgs, r.Org)
		}
		lost, mailed := false, false
		for _, op := range r.Steps {
			s.Calls++
			s.Methods[op.Method.Name]++
			count(r.Org, op.Method)
			lost, mailed = lost || op.Irreversible != "", mailed || op.Mails()
			if r.readsBefore(op, p.Made, defaultFresh) && p.Resource.Changes != nil {
				s.Reads++
				count(r.Org, p.Resource.Changes.Read)
			}
		}
		if lost {
			s.Irreversible++
		}
		if mailed {
			s.Mailed++
		}
	}
	slices.Sort(s.Orgs)
	for _, m := range minutes {
		s.Seconds = max(s.Seconds, m*time.Minute.Seconds())
	}
	return s
}

// readsBefore says whether an object is read before a step of its row: always before what can't be
// taken back piece by piece, and else if what is known of it may have changed.
func (r *Row) readsBefore(op *Operation, now time.Time, fresh time.Duration) bool {
	switch {
	case r.ID == "":
		return false // it doesn't exist yet
	case op.Method.HTTP == http.MethodDelete, op.Method.HTTP == http.MethodPut:
		return true
	case op.takesIfMatch() && op.IfMatch == "" && r.Before.ETag == "" && r.Before.Known:
		return true
	case op.Step > 0:
		return false
	}
	return !r.Before.Known || r.Before.Index || now.Sub(r.Before.Read) >= fresh
}

// takesIfMatch says whether the method has the header If-Match, and the operation writes what the ETag
// is the version of: the profile.
func (op *Operation) takesIfMatch() bool {
	return len(op.Sets) > 0 && slices.ContainsFunc(op.Method.Params, func(p *catalog.Param) bool { return p.Wire == "If-Match" })
}

// Target is the operation's path and query, escaped, for people to read.
func (op *Operation) Target() string {
	var b strings.Builder
	for _, segment := range strings.Split(strings.TrimPrefix(op.Method.Route, "/"), "/") {
		if strings.HasPrefix(segment, "{") {
			segment = url.PathEscape(op.Path[strings.Trim(segment, "{}")])
		}
		b.WriteString("/" + segment)
	}
	query := url.Values{}
	for name, v := range op.Query {
		query.Set(name, v)
	}
	if len(query) > 0 {
		b.WriteString("?" + query.Encode())
	}
	return b.String()
}

// HoldsSecret says whether the statement's text may hold a secret, because it gives values for a field that
// is for secrets, or because there is no row that would tell. It must not be written anywhere then.
func (p *Plan) HoldsSecret() bool { return p.secret }

// Hash identifies what the plan would do: 32 hexadecimal digits over the orgs, by name and id, the calls with their
// parameters and bodies, the statuses and the values that they replace. It doesn't depend on the order of rows, on times,
// on the statement's wording, or on rows for which nothing is done. Of secrets only the places count, not
// the values: a hash would let them be guessed.
func (p *Plan) Hash() string {
	rows := make([]string, 0, len(p.Rows))
	for _, r := range p.Rows {
		if len(r.Steps) == 0 {
			continue
		}
		steps := make([]stepJSON, 0, len(r.Steps))
		for _, op := range r.Steps {
			steps = append(steps, op.json())
		}
		rows = append(rows, string(canonical(encode([]any{r.Org, p.orgKey(r.Org), r.ID, r.Name, steps}))))
	}
	slices.Sort(rows)
	sum := sha256.Sum256(encode([]any{p.Verb, p.Resource.Path(), rows}))
	return hex.EncodeToString(sum[:16])
}

// orgKey tells an org from all others that might have its name; "" if nobody has said who it is.
func (p *Plan) orgKey(name string) string {
	for _, i := range p.Orgs {
		switch {
		case i.Name != name:
		case i.ID != "":
			return i.ID
		default:
			return strings.ToLower(i.URL)
		}
	}
	return ""
}

// planJSON, rowJSON and stepJSON are the form of a plan in JSON, which is also how the journal keeps it.
type planJSON struct {
	Statement string     `json:"statement,omitempty"`
	Position  int        `json:"position,omitempty"`
	Secret    bool       `json:"secret,omitempty"`
	Verb      string     `json:"verb"`
	Resource  string     `json:"resource"`
	Hash      string     `json:"hash"`
	Made      time.Time  `json:"made"`
	Summary   *Summary   `json:"summary,omitempty"`
	Orgs      []Identity `json:"orgs,omitempty"` // which they are; only the journal has them
	Rows      []*rowJSON `json:"rows,omitempty"`
}

type rowJSON struct {
	Row       int        `json:"row"`
	Org       string     `json:"org,omitempty"`
	ID        string     `json:"id,omitempty"`
	Name      string     `json:"name,omitempty"`
	Before    *State     `json:"before,omitempty"`
	Steps     []stepJSON `json:"steps,omitempty"`
	Refused   string     `json:"refused,omitempty"`
	Unchanged bool       `json:"unchanged,omitempty"`
}

type stepJSON struct {
	Method       string                     `json:"method"`
	HTTP         string                     `json:"http"`
	Path         map[string]string          `json:"path,omitempty"`
	Query        map[string]string          `json:"query,omitempty"`
	Body         json.RawMessage            `json:"body,omitempty"`
	IfMatch      string                     `json:"ifMatch,omitempty"`
	Asked        string                     `json:"asked,omitempty"`
	From         string                     `json:"from,omitempty"`
	To           string                     `json:"to,omitempty"`
	Was          map[string]json.RawMessage `json:"was,omitempty"`
	Sets         map[string]json.RawMessage `json:"sets,omitempty"`
	Vanish       []string                   `json:"vanish,omitempty"`
	Mails        bool                       `json:"mails,omitempty"`
	Irreversible string                     `json:"irreversible,omitempty"`
	Undo         string                     `json:"undo,omitempty"`
	// Secret is an HMAC of the secrets that the body lacks here. Only the journal has it.
	Secret string `json:"secret,omitempty"`
}

// hidden stands in place of a secret.
const hidden = "(secret)"

func (op *Operation) json() stepJSON {
	body, _ := op.withoutSecrets()
	return stepJSON{Method: op.Method.Name, HTTP: op.Method.HTTP, Path: op.Path, Query: op.Query, Body: body, IfMatch: op.IfMatch,
		Asked: op.Asked, From: op.From, To: op.To, Was: op.Was, Sets: op.Sets, Vanish: op.Vanish,
		Mails: op.Mails(), Irreversible: op.Irreversible, Undo: op.Undo}
}

// withoutSecrets returns the body with [hidden] for every value of a field that may hold a secret, and
// the fields as they are; nil if there is none.
func (op *Operation) withoutSecrets() (body json.RawMessage, secrets map[string]json.RawMessage) {
	fields, ok := members(op.Body)
	if !ok {
		return op.Body, nil
	}
	for _, b := range op.Method.Body {
		if v, there := fields[b.Name]; there && b.Secret {
			if secrets == nil {
				secrets = map[string]json.RawMessage{}
			}
			secrets[b.Name] = v
			fields[b.Name] = encode(hide(v))
		}
	}
	if secrets == nil {
		return op.Body, nil
	}
	return encode(fields), secrets
}

// hide replaces what a JSON text says by [hidden]. Of objects the names stay that the API knows; any other is
// hidden, too, since a secret may stand where a name belongs.
func hide(text json.RawMessage) any {
	if m, ok := members(text); ok {
		out := map[string]any{}
		for name, v := range m {
			if !IsCredentialName(name) {
				out[hidden] = hidden
				continue
			}
			out[name] = hide(v)
		}
		return out
	}
	return hidden
}

// IsCredentialName says whether a name is the API's own in a field that may hold secrets: any other may be a
// secret itself, which stands where a name belongs.
func IsCredentialName(name string) bool { return slices.Contains(credentialNames, name) }

// credentialNames are the names in the API's fields that may hold secrets, its UserCredentials above all.
var credentialNames = []string{
	"password", "value", "hash", "hook",
	"algorithm", "digestAlgorithm", "iterationCount", "keySize", "salt", "saltOrder", "workFactor", // of a hash
	"recovery_question", "question", "answer",
	"provider", "type", "name",
}

func (r *Row) json() *rowJSON {
	out := &rowJSON{Row: r.Index, Org: r.Org, ID: r.ID, Name: r.Name, Refused: r.Refused, Unchanged: r.Unchanged}
	if r.Before.Known {
		out.Before = &r.Before
	}
	for _, op := range r.Steps {
		out.Steps = append(out.Steps, op.json())
	}
	return out
}

func (p *Plan) json() *planJSON {
	out := &planJSON{Position: p.Position, Verb: p.Verb, Secret: p.secret, Resource: p.Resource.Path(), Hash: p.Hash(), Made: p.Made.UTC()}
	if !p.secret {
		out.Statement = p.Statement
	}
	return out
}

// MarshalJSON writes the plan: verb, resource, hash, made, summary, and rows with their steps; also the
// statement, unless it was given a secret. Secrets are replaced by "(secret)".
func (p *Plan) MarshalJSON() ([]byte, error) {
	out := p.json()
	s := p.Summary(nil)
	out.Summary = &s
	for _, r := range p.Rows {
		out.Rows = append(out.Rows, r.json())
	}
	return encode(out), nil
}

// defaultFresh is the age from which on a row is read again before it is changed.
const defaultFresh = time.Minute
