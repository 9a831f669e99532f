package oktatest

import "time"

// A status is where a user is in the lifecycle. The numbers are Okta's own order, the one in which a
// plain list shows users, and the first character of its cursors.
type status uint8

const (
	staged status = iota
	provisioned
	active
	recovery
	passwordExpired
	lockedOut
	suspended
	deprovisioned
	statuses
)

// A statusSet is some of the statuses.
type statusSet [statuses]bool

var statusNames = [statuses]string{"STAGED", "PROVISIONED", "ACTIVE", "RECOVERY", "PASSWORD_EXPIRED",
	"LOCKED_OUT", "SUSPENDED", "DEPROVISIONED"}

// A user is one person of the org. Times are Unix seconds, as Okta keeps no fractions; 0 is null.
type user struct {
	id              string
	status          status
	created         int64
	activated       int64
	statusChanged   int64
	lastLogin       int64
	lastUpdated     int64
	passwordChanged int64
	typeTail        string      // what follows "oty" in the user type's id, and "osc" in its schema's
	profile         []attribute // in the order in which they are shown; absent ones aren't here
	person          *person     // not nil: a generated user, who has this profile instead
	hasPassword     bool
	question        string // the recovery question; "": none
	provider        provider
	transition      string // the status that an asynchronous operation leads to; "": none is under way

	// What nobody is shown. Generated users have none of it.
	secret   *secret       // of the password; nil: nobody knows it
	imported *importedHash // of the password instead; nil: none
	history  []*secret     // of former passwords, the last one first
	answer   *secret       // of the answer to the question, folded
	previous status        // of a suspended or locked user; staged: active
	token    linkToken
}

// A provider is where a user's password is kept.
type provider struct{ kind, name string }

var (
	providerOkta   = provider{"OKTA", "OKTA"}
	providerImport = provider{"IMPORT", "IMPORT"} // a hash was imported and not yet used
	providerAD     = provider{"ACTIVE_DIRECTORY", "corp.acme.example"}
	providerSAML   = provider{"FEDERATION", "FEDERATION"}
)

// An attribute is one member of a profile.
type attribute struct {
	name  string
	value value
}

// A value is a JSON value of a profile.
type value struct {
	kind valueKind
	text string  // of a string; of a number or boolean as JSON writes it
	list []value // of an array
}

type valueKind uint8

const (
	absent valueKind = iota // the attribute isn't shown
	null                    // shown as null: mobilePhone and secondEmail without a value
	stringValue
	numberValue
	boolValue
	listValue
)

// get returns the value of a profile attribute, or the absent value. The user isn't a generated one.
func (u *user) get(name string) value {
	for i := range u.profile {
		if u.profile[i].name == name {
			return u.profile[i].value
		}
	}
	return value{}
}

// A style is how users are written.
type style struct {
	base            string // "http://host:port"
	full            bool   // as an answer of its own, with all links; otherwise as an element of a list
	omitCredentials bool
	omitLinks       bool // those that concern credentials
	omitTransition  bool
	fields          *projection

	// Settings of the org.
	realm        string // the id of the realm of all users; "": the org has no realms
	emails       bool   // show credentials.emails
	needQuestion bool   // forgotPassword only for users with a recovery question
	noFactors    bool   // no resetFactors
}

// style is how the org shows users where nothing else is asked for.
func (o *Org) style(base string) style {
	return style{base: base, realm: o.realm, emails: o.opts.EmailsInCredentials, needQuestion: o.opts.ForgotPasswordNeedsQuestion,
		noFactors: o.opts.HideResetFactorsLink}
}

// appendJSON appends the user as Okta shows it.
func (u *user) appendJSON(b []byte, st *style) []byte {
	f := st.fields
	b = append(b, `{"id":"`...)
	b = append(b, u.id...)
	b = append(b, '"')
	if f.has("status") {
		b = append(b, `,"status":"`...)
		b = append(b, statusNames[u.status]...)
		b = append(b, '"')
	}
	if u.transition != "" && !st.omitTransition && f.has("transitioningToStatus") {
		b = append(append(append(b, `,"transitioningToStatus":"`...), u.transition...), '"')
	}
	b = appendTime(b, f, "created", u.created)
	b = appendTime(b, f, "activated", u.activated)
	b = appendTime(b, f, "statusChanged", u.statusChanged)
	b = appendTime(b, f, "lastLogin", u.lastLogin)
	b = appendTime(b, f, "lastUpdated", u.lastUpdated)
	b = appendTime(b, f, "passwordChanged", u.passwordChanged)
	if st.realm != "" && f.has("realmId") {
		b = append(append(append(b, `,"realmId":"`...), st.realm...), '"')
	}
	if f.has("type") {
		b = append(b, `,"type":{"id":"oty`...)
		b = append(b, u.typeTail...)
		b = append(b, `"}`...)
	}
	if f.has("profile") {
		b = append(b, `,"profile":`...)
		b = u.appendProfile(b, f)
	}
	if !st.omitCredentials && f.has("credentials") {
		b = append(b, `,"credentials":`...)
		b = u.appendCredentials(b, st.emails)
	}
	if f.has("_links") {
		b = append(b, `,"_links":{`...)
		if st.full {
			b = u.appendLinks(b, st)
		} else {
			b = append(b, `"self":{"href":"`...)
			b = u.appendURL(b, st)
			b = append(b, `"}`...)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func (u *user) appendProfile(b []byte, f *projection) []byte {
	if u.person != nil {
		return u.person.appendProfile(b, f)
	}
	b = append(b, '{')
	first := true
	for i := range u.profile {
		a := &u.profile[i]
		if a.value.kind == absent || !f.hasAttribute(a.name) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, a.name...) // a schema allows only letters, digits and underscores in names
		b = append(b, '"', ':')
		b = a.value.appendJSON(b)
	}
	return append(b, '}')
}

func (v *value) appendJSON(b []byte) []byte {
	switch v.kind {
	case stringValue:
		return appendJSONString(b, v.text)
	case numberValue, boolValue:
		return append(b, v.text...)
	case listValue:
		b = append(b, '[')
		for i := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.list[i].appendJSON(b)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

func (u *user) appendCredentials(b []byte, emails bool) []byte {
	b = append(b, '{')
	if u.hasPassword {
		b = append(b, `"password":{},`...)
	}
	if email := u.email(emails); email != "" {
		b = append(b, `"emails":[{"value":`...)
		b = appendJSONString(b, email)
		b = append(b, `,"status":"VERIFIED","type":"PRIMARY"}],`...)
	}
	if u.question != "" {
		b = append(b, `"recovery_question":{"question":`...)
		b = appendJSONString(b, u.question)
		b = append(b, "},"...)
	}
	b = append(b, `"provider":{"type":"`...)
	b = append(b, u.provider.kind...)
	b = append(b, `","name":`...)
	b = appendJSONString(b, u.provider.name)
	return append(b, "}}"...)
}

// email returns the primary address if it is wanted.
func (u *user) email(wanted bool) string {
	if !wanted {
		return ""
	}
	if u.person != nil {
		v, text := u.person.attr(attrEmail, nil)
		return v.text + string(text)
	}
	return u.get("email").text
}

// appendURL appends the address of the user.
func (u *user) appendURL(b []byte, st *style) []byte {
	b = append(b, st.base...)
	b = append(b, usersPath...)
	b = append(b, '/')
	return append(b, u.id...)
}

// linkSet is a set of links by their place in links.
type linkSet uint32

// links are the links of a single user in Okta's order.
var links = [...]struct {
	name, path  string
	credentials bool // left out by okta-response=omitCredentialsLinks
}{
	{"suspend", "/lifecycle/suspend", false},
	{"schema", "", false},
	{"unsuspend", "/lifecycle/unsuspend", false},
	{"activate", "/lifecycle/activate", false},
	{"unlock", "/lifecycle/unlock", true},
	{"resetPassword", "/lifecycle/reset_password", true},
	{"reactivate", "/lifecycle/reactivate", false},
	{"forgotPassword", "/credentials/forgot_password", true},
	{"expirePassword", "/lifecycle/expire_password", false},
	{"changeRecoveryQuestion", "/credentials/change_recovery_question", true},
	{"self", "", false},
	{"resetFactors", "/lifecycle/reset_factors", true},
	{"type", "", false},
	{"changePassword", "/credentials/change_password", true},
	{"deactivate", "/lifecycle/deactivate", false},
	{"delete", "", false},
}

func linksNamed(names ...string) linkSet {
	var set linkSet
	for _, name := range names {
		for i := range links {
			if links[i].name == name {
				set |= 1 << i
			}
		}
	}
	return set
}

// What each status offers besides self, schema, type and resetFactors, which all have. For RECOVERY
// and LOCKED_OUT no recording exists: theirs follow from what the documentation allows there.
var (
	linksWithPassword = linksNamed("suspend", "resetPassword", "expirePassword", "changeRecoveryQuestion",
		"changePassword", "forgotPassword", "deactivate")
	linksAlways   = linksNamed("self", "schema", "type", "resetFactors")
	linksByStatus = [statuses]linkSet{
		staged:          linksNamed("activate"),
		provisioned:     linksNamed("suspend", "resetPassword", "reactivate", "deactivate"),
		active:          linksWithPassword,
		recovery:        linksNamed("suspend", "resetPassword", "reactivate", "deactivate", "changePassword", "changeRecoveryQuestion"),
		passwordExpired: linksWithPassword,
		lockedOut:       linksWithPassword | linksNamed("unlock"),
		suspended:       linksNamed("unsuspend", "deactivate"),
		deprovisioned:   linksNamed("activate", "delete"),
	}
	// linksFederated are those of an active user whose password is kept elsewhere.
	linksFederated = linksNamed("resetPassword", "changeRecoveryQuestion", "deactivate")

	linkSuspend    = linksNamed("suspend")
	linkReactivate = linksNamed("reactivate")
	linkForgot     = linksNamed("forgotPassword")
	linkFactors    = linksNamed("resetFactors")
)

func (u *user) links(st *style) linkSet {
	set := linksByStatus[u.status]
	switch {
	case u.status == active && !u.hasPassword:
		set = linksFederated
		if !u.passwordKeptElsewhere() {
			set |= linkSuspend
		}
	case u.status == provisioned && u.hasPassword:
		set &^= linkReactivate
	}
	if st.needQuestion && u.question == "" {
		set &^= linkForgot
	}
	set |= linksAlways
	if st.noFactors {
		set &^= linkFactors
	}
	return set
}

func (u *user) appendLinks(b []byte, st *style) []byte {
	set := u.links(st)
	first := true
	for i := range links {
		link := &links[i]
		if set&(1<<i) == 0 || (st.omitLinks && link.credentials) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, link.name...)
		b = append(b, `":{"href":"`...)
		method := `","method":"POST"}`
		switch link.name {
		case "schema":
			b = append(append(append(b, st.base...), "/api/v1/meta/schemas/user/osc"...), u.typeTail...)
			method = `"}`
		case "type":
			b = append(append(append(b, st.base...), "/api/v1/meta/types/user/oty"...), u.typeTail...)
			method = `"}`
		case "self":
			b = u.appendURL(b, st)
			method = `"}`
		case "delete":
			b = u.appendURL(b, st)
			method = `","method":"DELETE"}`
		default:
			b = append(u.appendURL(b, st), link.path...)
		}
		b = append(b, method...)
	}
	return b
}

// appendTime appends a member with a time as Okta writes it: UTC, always with three zeros.
func appendTime(b []byte, f *projection, name string, unix int64) []byte {
	if !f.has(name) {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	if unix == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = appendTimestamp(b, unix)
	return append(b, '"')
}

func appendTimestamp(b []byte, unix int64) []byte {
	t := time.Unix(unix, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return append(b, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10),
		'-', byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10),
		'T', byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10),
		':', byte('0'+second/10), byte('0'+second%10), '.', '0', '0', '0', 'Z')
}

// appendJSONString appends s as a JSON string. Okta writes other letters than ASCII as they are.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

// needsEscape says whether appendEscaped would change s.
func needsEscape[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return true
		}
	}
	return false
}

func appendEscaped(b []byte, s string) []byte {
	if !needsEscape(s) {
		return append(b, s...)
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}
