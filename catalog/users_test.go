package catalog_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/whoql/whoql/catalog"
)

func load(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func users(t *testing.T) *catalog.Resource {
	t.Helper()
	r := load(t).Lookup("okta.user.users")
	if r == nil {
		t.Fatal("okta.user.users is not there")
	}
	return r
}

// facts reads a table of facts about the provider's page or the API: one map from heading to value
// for each line.
func facts(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var head []string
	var rows []map[string]string
	for s := bufio.NewScanner(f); s.Scan(); {
		values := strings.Split(s.Text(), "\t")
		if head == nil {
			head = values
			continue
		}
		row := make(map[string]string)
		for i, v := range values {
			row[head[i]] = v
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no rows", name)
	}
	return rows
}

// factsOf are the facts about a resource.
func factsOf(t *testing.T, name string, r *catalog.Resource) []map[string]string {
	t.Helper()
	return slices.DeleteFunc(facts(t, name), func(f map[string]string) bool { return f["service"] != r.Service || f["resource"] != r.Name })
}

func TestUsersColumns(t *testing.T) {
	var byKind [6][]string
	last := catalog.KindField
	for _, c := range users(t).Columns {
		byKind[c.Kind] = append(byKind[c.Kind], c.Name)
		if last != catalog.KindField && !c.Hidden() {
			t.Errorf("field %s stands behind a hidden column", c.Name)
		}
		last = c.Kind
	}
	for kind, want := range map[catalog.Kind]string{
		catalog.KindField: "id status created activated statusChanged lastLogin lastUpdated passwordChanged " +
			"type profile credentials transitioningToStatus _embedded _links",
		catalog.KindOrg:       "subdomain",
		catalog.KindAlias:     "userId",
		catalog.KindParameter: "q filter search sortBy sortOrder limit",
		catalog.KindAttribute: "login firstName lastName middleName honorificPrefix honorificSuffix email title " +
			"displayName nickName profileUrl secondEmail mobilePhone primaryPhone streetAddress city state zipCode " +
			"countryCode postalAddress preferredLanguage locale timezone userType employeeNumber costCenter " +
			"organization division department managerId manager",
	} {
		if got := strings.Join(byKind[kind], " "); got != want {
			t.Errorf("columns of kind %d\ngot  %s\nwant %s", kind, got, want)
		}
	}
}

// TestFields compares DESCRIBE with the provider's pages.
func TestFields(t *testing.T) {
	pages := 0
	for _, r := range load(t).Resources() {
		var names []string
		for _, f := range factsOf(t, "provider-fields.tsv", r) {
			names = append(names, f["field"])
			if c := r.Column(f["field"]); c == nil || c.Type != f["datatype"] || c.Hidden() {
				t.Errorf("%s: field %s: got %+v, want a visible column of type %s", r.Path(), f["field"], c, f["datatype"])
			}
		}
		if names == nil {
			continue // not on the provider's pages
		}
		pages++
		if !slices.Equal(r.Describe, names) {
			t.Errorf("%s: Describe\ngot  %q\nwant %q", r.Path(), r.Describe, names)
		}
	}
	if pages < 3 {
		t.Errorf("%d pages", pages)
	}
}

func TestUsersPushDown(t *testing.T) {
	keys, pushed := []string{}, []string{}
	for _, c := range users(t).Columns {
		if c.Key {
			keys = append(keys, c.Name)
		}
		if len(c.Push) > 0 {
			pushed = append(pushed, c.Name+":"+c.Search+":"+strings.Join(c.Push, ","))
		}
		if c.Kind == catalog.KindAttribute && (c.Search != "profile."+c.Name || !slices.Equal(c.Path, []string{"profile", c.Name})) {
			t.Errorf("attribute %s: search %q, path %q", c.Name, c.Search, c.Path)
		}
	}
	if got := strings.Join(keys, " "); got != "id userId login" {
		t.Errorf("keys are %s", got)
	}
	// Attributes are texts, in which the API finds whole ones and beginnings.
	attributes := 0
	pushed = slices.DeleteFunc(pushed, func(p string) bool {
		if strings.HasPrefix(p, strings.Split(p, ":")[0]+":profile.") && strings.HasSuffix(p, ":eq,in,sw") {
			attributes++
			return true
		}
		return false
	})
	if got := strings.Join(pushed, " "); attributes != 31 || got != "id:id:eq,in status:status:eq,in,ne created:created:range activated:activated:range,pr statusChanged:statusChanged:range,pr lastUpdated:lastUpdated:range userId:id:eq,in" {
		t.Errorf("pushed are %d attributes and %s", attributes, got)
	}
	if got := users(t).Column("status").Values; len(got) != 8 {
		t.Errorf("status has the values %q", got)
	}
	// The API's search language has no word for these two.
	for _, name := range []string{"lastLogin", "passwordChanged"} {
		if s := users(t).Column(name).Search; s != "" {
			t.Errorf("%s is searched as %q", name, s)
		}
	}
}

// TestUsersMethods compares the methods with the provider's page. What is known to differ stands in
// differs: the page describes an older API, and in places none.
func TestUsersMethods(t *testing.T) {
	page := make(map[string]map[string]string)
	for _, f := range factsOf(t, "provider-methods.tsv", users(t)) {
		page[f["method"]] = f
	}
	differs := map[string]string{
		"delete success":               "the page says 202; the API answers 204",
		"delete operation":             "renamed since",
		"expirePassword path":          "the page puts ?tempPassword=false into the path",
		"expirePasswordTemp path":      "the page puts ?tempPassword=true into the path of expirePassword",
		"expirePasswordTemp operation": "a different one, with the path",
		"forgotPassword operation":     "the page has none",
		"update http":                  "PUT would wipe attributes that are left out",
	}
	order := []string{"get", "list", "insert", "delete", "activate", "changePassword", "changeRecoveryQuestion",
		"deactivate", "expirePassword", "expirePasswordTemp", "forgotPassword", "reactivate", "resetFactors",
		"resetPassword", "suspend", "unlock", "unsuspend", "update"}
	methods := users(t).Methods
	if len(methods) != len(order) || len(page) != len(order) {
		t.Fatalf("%d methods, and %d on the page; want %d", len(methods), len(page), len(order))
	}
	for i, m := range methods {
		if m.Name != order[i] {
			t.Fatalf("method %d is %s, want %s", i, m.Name, order[i])
		}
		want := page[m.Name]
		for what, pair := range map[string][2]string{
			"verb":      {m.Verb, want["sql_verb"]},
			"http":      {m.HTTP, want["http_method"]},
			"path":      {m.Route, want["path"]},
			"operation": {m.Operation, want["operation_id"]},
			"success":   {strconv.Itoa(m.Success), want["success_status"]},
		} {
			if _, known := differs[m.Name+" "+what]; known == (pair[0] == pair[1]) {
				t.Errorf("%s: %s is %q, on the page %q; known to differ: %v", m.Name, what, pair[0], pair[1], known)
			}
		}
		required := m.RequiredParams()
		wanted := "userId, subdomain"
		switch m.Name {
		case "list", "insert":
			wanted = "subdomain"
		case "activate", "resetPassword":
			wanted = "sendEmail, userId, subdomain"
		}
		if got := strings.Join(required, ", "); got != wanted {
			t.Errorf("%s: required are %s; want %s", m.Name, got, wanted)
		}
		fromPage := append(strings.FieldsFunc(want["required_params"], func(c rune) bool { return c == ',' }), "subdomain")
		if slices.Sort(fromPage); !slices.Equal(slices.Sorted(slices.Values(required)), fromPage) {
			t.Errorf("%s: required are %q, on the page %q", m.Name, required, fromPage)
		}
	}
}

// TestOperations compares the methods with Okta's own description of the API.
func TestOperations(t *testing.T) {
	operations := make(map[string]map[string]string)
	for _, f := range facts(t, "openapi-operations.tsv") {
		operations[f["operation_id"]] = f
	}
	var methods []*catalog.Method
	for _, r := range load(t).Resources() {
		methods = append(methods, r.Methods...)
	}
	for _, m := range methods {
		op := operations[m.Operation]
		if op == nil {
			t.Errorf("%s: Okta has no operation %s", m.Name, m.Operation)
			continue
		}
		if route := strings.Replace(op["path"], "{id}", "{userId}", 1); m.HTTP != op["http_method"] || m.Route != route {
			t.Errorf("%s: %s %s; Okta has %s %s", m.Name, m.HTTP, m.Route, op["http_method"], route)
		}
		if got := strconv.Itoa(m.Success); got != op["success_status"] {
			t.Errorf("%s: success is %s; Okta has %s", m.Name, got, op["success_status"])
		}
		if hasBody := op["request_body"] != ""; hasBody != (len(m.Body) > 0) {
			t.Errorf("%s: %d body fields; Okta has the body %q", m.Name, len(m.Body), op["request_body"])
		}
		for _, p := range m.Params {
			if p.In == "query" && !slices.Contains(strings.Split(op["query_params"], ","), p.Wire) {
				t.Errorf("%s: Okta has no query parameter %s", m.Name, p.Wire)
			}
		}
	}
}

func TestUsersStatuses(t *testing.T) {
	r := users(t)
	for name, want := range map[string]string{
		"suspend":    "PROVISIONED ACTIVE RECOVERY PASSWORD_EXPIRED",
		"unsuspend":  "SUSPENDED",
		"unlock":     "LOCKED_OUT",
		"activate":   "STAGED DEPROVISIONED",
		"reactivate": "PROVISIONED RECOVERY",
		"delete":     "",
	} {
		if got := strings.Join(r.Method(name).Statuses, " "); got != want {
			t.Errorf("%s is allowed from %q; want %q", name, got, want)
		}
	}
	for _, name := range []string{"deactivate", "update"} {
		if got := r.Method(name).Statuses; len(got) != 7 || slices.Contains(got, "DEPROVISIONED") {
			t.Errorf("%s is allowed from %q", name, got)
		}
	}
}

func TestUsersDefaultsAndSecrets(t *testing.T) {
	r := users(t)
	for _, m := range r.Methods {
		for _, p := range m.Params {
			if p.In == "org" && p.Default != "the default org" {
				t.Errorf("%s: default of %s is %q", m.Name, p.Name, p.Default)
			}
			if p.In == "query" && p.Type == "boolean" && p.Default != "true" && p.Default != "false" {
				t.Errorf("%s: default of %s is %q", m.Name, p.Name, p.Default)
			}
		}
		for _, b := range m.Body {
			if credential := regexp.MustCompile(`(?i)password|credentials|recovery`).MatchString(b.Name); credential != b.Secret {
				t.Errorf("%s: secret is %v for body field %s", m.Name, b.Secret, b.Name)
			}
		}
		for _, key := range []string{"activationUrl", "activationToken", "resetPasswordUrl", "tempPassword"} {
			if strings.Contains(m.Answer, key) != slices.Contains(m.Secrets, key) {
				t.Errorf("%s: the answer is %q, its secrets %q", m.Name, m.Answer, m.Secrets)
			}
		}
	}
	for _, name := range []string{"activate", "resetPassword", "forgotPassword"} {
		m := r.Method(name)
		if i := slices.IndexFunc(m.Params, func(p *catalog.Param) bool { return p.Name == "sendEmail" }); m.Params[i].Default != "true" {
			t.Errorf("%s: default of sendEmail is %q", name, m.Params[i].Default)
		}
	}
}

var (
	textLiteral = regexp.MustCompile(`'(?:[^']|'')*'`)
	paramName   = regexp.MustCompile(`@(\w+) =`)
	bodyLiteral = regexp.MustCompile(`(?s)@@json = '(.*)'$`)
)

// TestUsersExamples checks what can be checked of a statement without running it; that the examples
// run is a test of those who can run them.
func TestUsersExamples(t *testing.T) {
	r := users(t)
	selects := 0
	for _, m := range r.Methods {
		for _, text := range m.Examples {
			first, _, _ := strings.Cut(strings.TrimSpace(regexp.MustCompile(`--.*\n`).ReplaceAllString(text, "")), " ")
			if first != m.Verb {
				t.Errorf("%s: the example begins with %s:\n%s", m.Name, first, text)
			}
			if !strings.Contains(text, r.Path()) {
				t.Errorf("%s: the example doesn't use the resource:\n%s", m.Name, text)
			}
			if m.Verb == "EXEC" && !strings.HasPrefix(text, "EXEC "+r.Path()+"."+m.Name) {
				t.Errorf("%s: the example runs another method:\n%s", m.Name, text)
			}
			if strings.ContainsAny(textLiteral.ReplaceAllString(text, ""), "\";") {
				t.Errorf("%s: the example has double quotes or a semicolon outside of text:\n%s", m.Name, text)
			}
			for _, name := range paramName.FindAllStringSubmatch(text, -1) {
				if name[1] != "json" && !slices.ContainsFunc(m.Params, func(p *catalog.Param) bool { return p.Name == name[1] }) {
					t.Errorf("%s: the example has the unknown parameter %s", m.Name, name[1])
				}
			}
			if body := bodyLiteral.FindStringSubmatch(text); body != nil {
				var fields map[string]any
				if err := json.Unmarshal([]byte(body[1]), &fields); err != nil {
					t.Errorf("%s: %v in\n%s", m.Name, err, text)
				}
				for name := range fields {
					if !slices.ContainsFunc(m.Body, func(p *catalog.Param) bool { return p.Name == name }) {
						t.Errorf("%s: the example has the unknown body field %s", m.Name, name)
					}
				}
			}
			if m.Verb == "SELECT" {
				selects++
			}
		}
	}
	if selects < 8 {
		t.Errorf("%d examples of SELECT", selects)
	}
}

// What is asked for of each user is written only with fields that are always sent; what the API leaves out of short
// answers is never asked for in short.
func TestUsersProjection(t *testing.T) {
	var always, trimmed []string
	for _, c := range users(t).Columns {
		if c.Always {
			always = append(always, strings.Join(c.Path, "."))
		}
		if c.Trimmed {
			trimmed = append(trimmed, c.Name)
		}
		if c.Custom {
			t.Errorf("%s is Okta's own", c.Name)
		}
	}
	if got := strings.Join(always, " "); got != "id status created activated statusChanged lastLogin lastUpdated passwordChanged type credentials profile.login" {
		t.Errorf("always sent are %s", got)
	}
	if got := strings.Join(trimmed, " "); got != "credentials transitioningToStatus _links" {
		t.Errorf("trimmed are %s", got)
	}
	for _, m := range users(t).Methods {
		if list := m.Name == "list"; m.Fields != list || m.Trims != (list || m.Name == "get") {
			t.Errorf("%s: fields %t, trims %t", m.Name, m.Fields, m.Trims)
		}
	}
}
