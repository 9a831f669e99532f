// Package catalog is whoql's tables as data: which services, resources, fields and methods a
// provider has, where a value stands in the API's JSON, and which conditions the API can answer.
//
// The data is YAML, embedded in the binary and validated strictly when loaded. A [Catalog] and all
// that hangs from it is read-only after [Load] and may be used concurrently. The package knows
// neither SQL nor HTTP: vtab turns a [Resource] into a SQLite table, okta makes the calls.
package catalog

import (
	"slices"
	"strconv"
)

// A Catalog is all providers that whoql knows, in the order in which SHOW lists them.
type Catalog struct {
	Providers []*Provider
}

// A Provider is an API that whoql can query, such as okta.
type Provider struct {
	Name        string
	Description string
	Services    []*Service
}

// A Service groups the resources of one area of the API, such as user.
type Service struct {
	Name        string
	Description string
	Resources   []*Resource
}

// A Resource is one table: okta.user.users.
type Resource struct {
	Provider    string
	Service     string
	Name        string
	Description string

	// Complete is the search, in the API's own language, that finds every object, for APIs whose
	// plain list leaves some out; empty: the plain list is whole.
	Complete string
	// Ranges is the field whose ranges the API can list one by one, each in the field's order: a date
	// that every object has and that never changes, so that the ranges together are the whole list.
	// Nil: there is none.
	Ranges *Column
	// Schemas names the schemas of an org that say which attributes a profile can have: "user", or ""
	// where none do.
	Schemas string
	// Columns are all columns in declaration order: first the visible fields in the API's own
	// order (SELECT * gives exactly these), then the hidden ones: parameters, aliases, attributes.
	Columns []*Column
	// Methods are in the order of the provider's page.
	Methods []*Method
	// Describe are the names of the visible fields in the order of the provider's page.
	Describe []string
	// Changes says how UPDATE changes an object; nil: it can't.
	Changes *Changes
}

// Path returns the resource's three-part name, such as "okta.user.users".
func (r *Resource) Path() string { return r.Provider + "." + r.Service + "." + r.Name }

// A Kind says what a column is.
type Kind int

const (
	// KindField is a top-level field of the API's object; visible.
	KindField Kind = iota
	// KindOrg is the hidden column subdomain: the org that answered.
	KindOrg
	// KindParameter is a hidden column that binds a request parameter.
	KindParameter
	// KindRequired is a hidden column that binds a parameter of the path, without which the API can't
	// be asked: the group whose members a table has, say.
	KindRequired
	// KindAlias is a hidden second name of a field (userId for id).
	KindAlias
	// KindAttribute is a hidden column for one attribute of the profile.
	KindAttribute
)

var kindNames = [...]string{"field", "org", "parameter", "required", "alias", "attribute"}

// String returns the kind's word, as DESCRIBE EXTENDED shows it.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "kind " + strconv.Itoa(int(k))
	}
	return kindNames[k]
}

// A Column is one column of a resource's table.
type Column struct {
	Name string
	Kind Kind
	// Type is the provider's type word: string, object, array, boolean, integer, number; of an
	// attribute from an org's schemas also Mixed.
	Type        string
	Description string
	// Path is where the value stands in the API's JSON object, outermost key first. Empty for
	// KindOrg, KindParameter and KindRequired.
	Path []string
	// Key is true where = and IN can be answered by the get method, whose path takes the value.
	Key bool
	// Search is the attribute's name in Okta's search language, "" if the API can't search it.
	Search string
	// Push are the conditions that may be handed to the API: [PushEqual] and its siblings.
	Push []string
	// Sort is true where the API can list in the order of the column: its texts in the order of their
	// bytes, and never null.
	Sort bool
	// Moves is true where a change of an object changes the value of a column that Sort is true for, so that
	// the object moves in a list that is read page by page: it may be missed or come twice.
	Moves bool
	// Always is true where each object of the API has the column's key, be it null: an answer that was asked
	// for it and lacks it wasn't understood.
	Always bool
	// Trimmed is true for what is left out of an answer that is asked for in short: see Method.Trims.
	Trimmed bool
	// Custom is true for an attribute that an org's schemas define, and not Okta's own.
	Custom bool
	// Values, where not empty, are the only values that the API knows: no others are handed to it.
	Values []string
	// Varies is true where the value depends on which operation answered.
	Varies bool
	// Date is true where the values are times, as UTC text with milliseconds: 2026-02-02T11:15:22.000Z.
	Date bool
	// Query is the query parameter that a KindParameter column binds. The one called limit is the
	// size of a page, everywhere in the API.
	Query string
	// Needs is the column of another parameter without which this one can't be sent; "": none.
	Needs string
	// Without are the columns of parameters that can't be in one request with this one.
	Without []string
	// Cut, if not 0, is the most objects that the API gives to a request with this parameter, in
	// one answer without pages: as many may have been cut off.
	Cut int
	// Route is the parameter of the path that a KindRequired column binds.
	Route string
}

// What may be handed to the API as part of a search: conditions of SQL that its operators answer.
const (
	PushEqual    = "eq"    // =
	PushIn       = "in"    // IN
	PushNotEqual = "ne"    // <>, of a column that has only a few values
	PushPrefix   = "sw"    // LIKE 'abc%' and GLOB 'abc*'
	PushRange    = "range" // =, <, <=, > and >= of numbers, and of dates where the type is string
	PushPresent  = "pr"    // IS NOT NULL, of a column that is never an empty text
)

// Pushes reports whether a condition, one of [PushEqual] and its siblings, may be handed to the API.
func (c *Column) Pushes(condition string) bool { return slices.Contains(c.Push, condition) }

// operators are the conditions of SQL that a mark of Push stands for.
var operators = map[string][]string{
	PushEqual: {"="}, PushIn: {"IN"}, PushNotEqual: {"<>"}, PushPrefix: {"LIKE", "GLOB"},
	PushRange: {"=", "<", "<=", ">", ">="}, PushPresent: {"IS NOT NULL"},
}

// Conditions returns the operators of the conditions on the column that whoql hands to the API, by a
// get, by a search or as a parameter.
func (c *Column) Conditions() []string {
	var out []string
	switch {
	case c.Kind == KindParameter:
		return []string{"="}
	case c.Kind == KindOrg, c.Kind == KindRequired, c.Key:
		out = []string{"=", "IN"}
	}
	for _, mark := range c.Push {
		for _, op := range operators[mark] {
			if !slices.Contains(out, op) {
				out = append(out, op)
			}
		}
	}
	return out
}

// Hidden reports whether SELECT * leaves the column out.
func (c *Column) Hidden() bool { return c.Kind != KindField }

// A Method is one operation of a resource.
type Method struct {
	Name        string
	Description string
	// Verb is the SQL verb that runs it: SELECT, INSERT, UPDATE, DELETE or EXEC.
	Verb string
	// Operation is Okta's operationId, such as listUsers.
	Operation string
	// HTTP is the HTTP method and Route the path with {parameters}.
	HTTP  string
	Route string
	// Key is the path parameter that takes the value of a key, for the SELECT method that gets one
	// object; "" for all others.
	Key string
	// Page is how many objects to ask for in a call of the SELECT method that lists, and MaxPage the
	// most that the API takes for it. Both are 0 where the list is one answer, without pages.
	Page, MaxPage int
	// Usual is how many objects the SELECT method that lists nearly always has at most for one value of its
	// required parameters, for estimates; 0: not known.
	Usual int
	// Fields is true where the list takes the query parameter fields, which says what to send of each object.
	Fields bool
	// Trims is true where a GET takes the header okta-response, which leaves out what is Trimmed.
	Trims bool
	// Params are the method's parameters; those shown as required first, in the page's order.
	Params []*Param
	// Body describes the request body's fields; empty if there is none.
	Body []*Param
	// Answer says in words what a success returns.
	Answer string
	// Returns are the keys of a success's answer that an EXEC shows as columns.
	Returns []string
	// Success is the HTTP status of success: 200 or 204.
	Success int
	// Statuses are the user statuses from which the operation is allowed; empty: any.
	Statuses []string
	// Secrets are those of Returns whose values must not get into a log or a journal, such as
	// activationUrl.
	Secrets []string
	// Moves say where the operation leads from which status; from those that no move names, nowhere.
	Moves []Move
	// Witness is how to tell whether a call whose answer never came took effect, one of [WitnessStatus]
	// and its siblings; "": there is no telling.
	Witness string
	// Irreversible says what can't be brought back; "": nothing is lost.
	Irreversible string
	// Undo is what undoes the operation: the name of a method, or [UndoValues]; "": nothing does.
	Undo string
	// Renew is the method that makes a new secret where the one in the answer got lost.
	Renew string
	// Mails says when the operation mails the person it is about; nil: never.
	Mails *Mailing
	// Examples are statements that use the method.
	Examples []string
}

// RequiredParams returns the names shown in SHOW METHODS, in the provider's page's order.
func (m *Method) RequiredParams() []string {
	var names []string
	for _, p := range m.Params {
		if p.Required {
			names = append(names, p.Name)
		}
	}
	return names
}

// A Param is a parameter of a method, or a field of its body.
type Param struct {
	Name        string
	Type        string
	Description string
	// In is path, query, header, org or body.
	In string
	// Required is the provider's page's word; Default, if not "", is what leaving it out means.
	Required bool
	Default  string
	// Wire is the parameter's name in the request: Name, but If-Match for ifMatch.
	Wire string
	// Reserved are values, in any case, that mean something else in a path than an object's key,
	// such as me: they are never sent there.
	Reserved []string
	// Secret is true where the value holds or may hold a password or an answer to a security
	// question, and must not get into a log or a journal.
	Secret bool
}
