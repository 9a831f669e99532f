package oktatest

import (
	"sort"
	"strconv"
	"time"
)

// The org's history: everything that happened to generated users happened between these two moments
// (Unix seconds), so that the org is the same on every day; unless it is moved: see endBefore.
const (
	epoch    = 1546300800 // 2019-01-01T00:00:00Z
	epochEnd = 1782863999 // 2026-06-30T23:59:59Z
)

// generatorVersion is the version of what generators make: users, groups and user types. An org's file
// holds only how to make them, so whoever makes others raises it.
const generatorVersion = 1

// A generator computes users from their index, 0 to n-1. It is immutable.
//
// Ids ascend with the index, also beyond n: users who are created later get the next ones. Creation
// times ascend too, but only roughly (see createdAt), so that nobody mistakes one order for the other.
type generator struct {
	n      int
	seed   uint64
	suffix string
	idBase uint64
	types  [2]string // the tails of the ids of the user types: the default one and "contractor"
	gone   [2]attrSet
	begin  int64 // of the history, and its end: Unix seconds
	end    int64
	like   Creation
}

// An attrSet is a set of attributes, by attrID; here those that a user type doesn't have any more.
type attrSet uint64

// without returns a generator whose users of a type don't have an attribute.
func (g *generator) without(typeTail string, a attrID) *generator {
	changed := *g
	for i := range g.types {
		if g.types[i] == typeTail {
			changed.gone[i] |= 1 << a
		}
	}
	return &changed
}

func newGenerator(n int, seed uint64, suffix string) *generator {
	g := &generator{n: n, seed: mix(seed ^ 0x6f6b7461), suffix: suffix, begin: epoch, end: epochEnd}
	g.idBase = (40+g.seed%10)*idHigh + g.seed%(idHigh/2)
	for i := range g.types {
		g.types[i] = g.typeTailOf(i)
	}
	return g
}

// endBefore moves the history by whole days, so that it ends on the day before that of t (in UTC). The
// zero time moves nothing.
func (g *generator) endBefore(t time.Time) *generator {
	if t.IsZero() {
		return g
	}
	const day = 86400
	shift := (t.Unix()/day*day - 1) - epochEnd
	moved := *g
	moved.begin, moved.end = epoch+shift, epochEnd+shift
	return &moved
}

// createdLike returns a generator whose users were created otherwise.
func (g *generator) createdLike(c Creation) *generator {
	other := *g
	other.like = c
	return &other
}

// octaves is how often the age of the oldest users halves until it is a second.
const octaves = 27

// bend makes a time of a distribution out of one of an even history. It keeps the order.
func (g *generator) bend(t int64) int64 {
	age := g.end - t
	switch g.like {
	case CreatedHeavyTailed:
		whole := age * octaves
		octave := whole / (g.end - g.begin + 1)
		part := whole - octave*(g.end-g.begin+1)
		age = 1<<octave + (part<<octave)/(g.end-g.begin+1)
	case CreatedInTenSeconds:
		age = age * 10 / (g.end - g.begin + 1)
	case CreatedInOneSecond:
		age = 0
	}
	return g.end - age
}

// typeTailOf is the tail of the id of the k-th user type.
func (g *generator) typeTailOf(k int) string {
	tail := make([]byte, 0, 17)
	for j := range 14 {
		tail = append(tail, base62[g.hash(k*14+j, saltType)%62])
	}
	return string(append(tail, g.suffix...))
}

// mix is the finalizer of SplitMix64: every bit of the result depends on every bit of x.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Salts keep the decisions about one user independent of each other.
const (
	saltID = iota + 100
	saltIDTail
	saltType
	saltStatus
	saltTime
	saltBatch
	saltShuffle
	saltPerson
	saltHistory
	saltGroup
)

func (g *generator) hash(i int, salt uint64) uint64 {
	return mix(g.seed + uint64(i)*0x9e3779b97f4a7c15 + salt*0xd1342543de82ef95)
}

// Ids. Of the 14 characters between "00u" and the suffix the first ten are a number in base 62 that
// grows with the index, by idStep on average; the other four are noise. Ten digits of base 62 fill 59.5
// bits, of which the largest org takes up 2 %.
const (
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idStep = 1 << 30
	idHigh = 13537086546263552 // 62^9, the weight of the first of the ten
	idLen  = 20
)

func isBase62(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return false
		}
	}
	return true
}

func (g *generator) id(i int) string {
	return g.identify("00u", g.idBase+uint64(i)*idStep+g.hash(i, saltID)%idStep, g.hash(i, saltIDTail))
}

// groupID is the id of the k-th group. Ids ascend with k.
func (g *generator) groupID(k int) string {
	return g.identify("00g", g.idBase+uint64(k)*idStep+g.hash(k, saltGroup)%idStep, g.hash(^k, saltGroup))
}

func (g *generator) identify(prefix string, v, tail uint64) string {
	var b [idLen]byte
	copy(b[:], prefix)
	for k := 12; k >= 3; k-- {
		b[k] = base62[v%62]
		v /= 62
	}
	for k := 13; k < 17; k++ {
		b[k] = base62[tail%62]
		tail /= 62
	}
	copy(b[17:], g.suffix)
	return string(b[:])
}

// search returns the smallest index below end whose id is at least id, or end.
func (g *generator) search(id string, end int) int {
	return sort.Search(end, func(i int) bool { return g.id(i) >= id })
}

// Statuses. Each run of 128 users has exactly these shares, in an order of its own.
const statusRun = 128

var statusShares = func() (table [statusRun]status) {
	at := 0
	for s, n := range [statuses]int{staged: 4, provisioned: 5, active: 95, recovery: 2, passwordExpired: 3,
		lockedOut: 2, suspended: 4, deprovisioned: 13} {
		for range n {
			table[at] = status(s)
			at++
		}
	}
	return table
}()

func (g *generator) status(i int) status {
	h := g.hash(i/statusRun, saltStatus)
	// Each step permutes the numbers below 128: odd factors do, and so does folding in higher bits.
	x := (uint64(i)*(h|1) + h>>16) % statusRun
	x ^= x >> 3
	x = (x*(h>>32|1) + h>>48) % statusRun
	x ^= x >> 4
	return statusShares[x]
}

// Creation times. The history is cut into n slots; timeAt is the time of a slot and never falls. Of
// every batchEvery slots, 250 to 599 in a row are one bulk import and share a second.
const (
	batchEvery = 2048
	shuffleRun = 16
)

func (g *generator) timeAt(slot int) int64 {
	b := slot / batchEvery
	begin := b * batchEvery
	end := min(begin+batchEvery, g.n)
	h := g.hash(b, saltBatch)
	first := begin + 150 + int(h%300)
	last := min(first+249+int(h>>32%350), end-1)

	// An import takes no more of the time than one user does.
	moments, at := end-begin, slot-begin
	if first < last {
		moments -= last - first
		if slot > first {
			at -= min(slot, last) - first
			slot = max(slot-last, 0) + first // the same for all of the import
		}
	}
	const span = epochEnd - epoch
	from := int64(begin) * span / int64(g.n)
	length := int64(end)*span/int64(g.n) - from
	width := uint64(length / int64(moments)) // at least 23 s in the largest org
	return g.bend(g.begin + from + length*int64(at)/int64(moments) + int64(g.hash(slot, saltTime)%width))
}

// createdAt is the creation time of user i: that of the slot that the user has in a shuffled run.
func (g *generator) createdAt(i int) int64 { return g.timeAt(g.slot(i)) }

// slot maps an index to its slot, and a slot to its index: the shuffle is its own inverse.
func (g *generator) slot(i int) int {
	run := i / shuffleRun
	if (run+1)*shuffleRun > g.n {
		return i
	}
	return i ^ int(g.hash(run, saltShuffle)%shuffleRun)
}

// createdRange returns the indexes from..to-1 that hold every user created between lo and hi (Unix
// seconds, inclusive), and perhaps a few others at both ends.
func (g *generator) createdRange(lo, hi int64) (from, to int) {
	from, to = g.slotRange(lo, hi)
	return from / shuffleRun * shuffleRun, min((to+shuffleRun-1)/shuffleRun*shuffleRun, g.n)
}

// slotRange returns the slots from..to-1 whose times are between lo and hi.
func (g *generator) slotRange(lo, hi int64) (from, to int) {
	from = sort.Search(g.n, func(k int) bool { return g.timeAt(k) >= lo })
	to = sort.Search(g.n, func(k int) bool { return g.timeAt(k) > hi })
	return from, max(from, to)
}

// history fills in the times and credentials of u from its status. What can have happened to a user in
// a status is table 2.2 and 2.4 of Okta's lifecycle: nobody has a login time without having been
// active, a password change without a password, or a status change before the activation.
func (g *generator) history(i int, u *user) {
	h := g.hash(i, saltHistory)
	draw := func(n uint64) uint64 {
		h = mix(h + 0x9e3779b97f4a7c15)
		return h % n
	}
	// later returns a moment up to days after t, and not after the end of the history.
	later := func(t int64, days int64) int64 {
		return t + int64(draw(uint64(min(days*86400, g.end-t))+1))
	}

	u.created = g.createdAt(i)
	u.activated, u.statusChanged, u.lastLogin, u.passwordChanged = 0, 0, 0, 0
	u.lastUpdated = u.created
	u.hasPassword, u.question, u.provider = false, "", providerOkta

	wasStaged := u.status == staged || (u.status == deprovisioned && draw(8) == 0)
	switch {
	case wasStaged && draw(3) == 0: // created with a password, to be activated later
		u.hasPassword, u.passwordChanged, u.statusChanged = true, u.created, u.created
	case wasStaged:
	case u.status == provisioned:
		u.activated = g.activation(u.created, draw(4), later)
		u.statusChanged = u.activated
	default:
		g.joined(i, u, draw, later)
	}

	u.lastUpdated = max(u.lastUpdated, u.activated, u.statusChanged)
	switch u.status {
	case recovery, passwordExpired, lockedOut, suspended, deprovisioned:
		u.statusChanged = later(max(u.lastUpdated, u.lastLogin, u.passwordChanged), 500)
		u.lastUpdated = u.statusChanged
	}
	if u.status == deprovisioned {
		u.hasPassword = false
		if u.provider == providerImport {
			u.provider = providerOkta
		}
	}
	if draw(3) == 0 { // a profile update, which moves nothing else
		u.lastUpdated = later(u.lastUpdated, 300)
	}
}

// activation is when a user left STAGED: mostly at once, or a second after.
func (g *generator) activation(created int64, n uint64, later func(int64, int64) int64) int64 {
	switch n {
	case 0:
		return later(created, 20)
	case 1:
		return min(created+1, g.end)
	}
	return created
}

// joined is the history of a user who has been ACTIVE.
func (g *generator) joined(i int, u *user, draw func(uint64) uint64, later func(int64, int64) int64) {
	u.activated = g.activation(u.created, draw(4), later)
	u.statusChanged = u.activated
	never := draw(9) == 0 && u.status != lockedOut // never signed in
	kind := draw(100)
	switch {
	case kind < 4 && u.status != passwordExpired && u.status != lockedOut && u.status != recovery:
		u.provider = providerAD
	case kind < 7 && u.status != passwordExpired && u.status != lockedOut && u.status != recovery:
		u.provider = providerSAML
	case never && kind < 60:
		u.hasPassword, u.provider, u.passwordChanged = true, providerImport, u.created
	default:
		u.hasPassword = true
		u.passwordChanged = u.activated
		if !never && draw(2) == 0 { // was PROVISIONED first and chose a password days after
			u.passwordChanged = later(u.activated, 15)
			u.statusChanged = u.passwordChanged
		}
		if !never && draw(3) == 0 {
			u.passwordChanged = later(u.passwordChanged, 700)
		}
		if !never && draw(2) == 0 {
			u.question = questions[draw(uint64(len(questions)))]
		}
	}
	if never {
		return
	}
	after := max(u.statusChanged, u.passwordChanged)
	u.lastLogin = later(after, 900)
	if u.status == active && draw(8) > 0 { // most people have been there in the last four weeks
		u.lastLogin = max(after, g.end-int64(draw(28*86400)))
	}
}

// A person is what the profile of a generated user is made of. Attributes are computed one by one, so
// that a search reads no more of a profile than it compares.
type person struct {
	gen         *generator
	i           int
	h           uint64
	first, last *name
	lastFirst   bool
	place       *place
	department  *department
	contractor  bool
	gone        attrSet
}

func (g *generator) person(i int) person {
	h := g.hash(i, saltPerson)
	p := person{gen: g, i: i, h: h, contractor: g.isContractor(i)}
	p.gone = g.gone[0]
	if p.contractor {
		p.gone = g.gone[1]
	}
	c := &cultures[0]
	switch k := h & 63; {
	case k >= 62:
		c = &cultures[3]
	case k >= 58:
		c = &cultures[2]
	case k >= 46:
		c = &cultures[1]
	}
	p.first = &c.first[h>>6&0xffff%uint64(len(c.first))]
	p.last = &c.last[h>>22&0xffff%uint64(len(c.last))]
	p.lastFirst = c.lastFirst
	p.place = &places[h>>38&0xfff%uint64(len(places))]
	p.department = departmentOf(h)
	return p
}

func departmentOf(h uint64) *department { return &departments[h>>50&0xfff%uint64(len(departments))] }

// department is that of a generated user, also of one whose profile doesn't show it.
func (g *generator) department(i int) *department { return departmentOf(g.hash(i, saltPerson)) }

func (g *generator) isContractor(i int) bool { return g.hash(i, saltType)%12 == 0 }

func (g *generator) typeTail(i int) string {
	if g.isContractor(i) {
		return g.types[1]
	}
	return g.types[0]
}

// draw returns the chance that decides over an attribute, and whether the user has a value for it.
func (p *person) draw(a attrID) (x uint64, present bool) {
	x = mix(p.h + (uint64(a)+1)*0x9e3779b97f4a7c15)
	return x / 1000, x%1000 < schema[a].perMille && p.gone&(1<<a) == 0
}

// attr returns the value of an attribute. Texts that aren't ready-made are appended to b instead of
// being made a string each: then the value has none, and its text is what was appended.
func (p *person) attr(a attrID, b []byte) (value, []byte) {
	x, present := p.draw(a)
	if !present {
		switch {
		case a == attrMobilePhone || a == attrSecondEmail:
			return value{kind: null}, b
		case a == attrEmployeeNumber && p.i*reports < p.gen.n: // managers have one, as others name it
		default:
			return value{}, b
		}
	}
	v := value{kind: stringValue}
	switch a {
	case attrFirstName:
		v.text = p.first.text
	case attrLastName:
		v.text = p.last.text
	case attrMiddleName:
		v.text = cultures[x%2].first[x>>8%uint64(len(cultures[x%2].first))].text
	case attrHonorificPrefix:
		v.text = prefixes[x%uint64(len(prefixes))]
	case attrHonorificSuffix:
		v.text = suffixes[x%uint64(len(suffixes))]
	case attrTitle:
		v.text = p.department.titles[x%uint64(len(p.department.titles))]
	case attrNickName:
		v.text = p.first.plain
	case attrCity:
		v.text = p.place.city
	case attrState:
		if v.text = p.place.state; v.text == "" {
			v.kind = absent
		}
	case attrZipCode:
		v.text = p.place.zip
	case attrCountryCode:
		v.text = p.place.country
	case attrPreferredLanguage:
		v.text = p.place.language
	case attrLocale:
		v.text = p.place.locale
	case attrTimezone:
		v.text = p.place.timezone
	case attrUserType:
		v.text = "Employee"
		if p.contractor {
			v.text = "Contractor"
		} else if x%20 == 0 {
			v.text = "Intern"
		}
	case attrCostCenter:
		v.text = p.department.costCenter
	case attrOrganization:
		v.text = organizations[x%uint64(len(organizations))]
	case attrDivision:
		v.text = p.department.division
	case attrDepartment:
		v.text = p.department.name
	case attrFloor:
		return value{kind: numberValue, text: floors[x%uint64(len(floors))]}, b
	case attrFTE:
		return value{kind: numberValue, text: workTimes[x%uint64(len(workTimes))]}, b
	case attrContractor:
		return value{kind: boolValue, text: strconv.FormatBool(p.contractor)}, b
	case attrProjects:
		return value{kind: listValue, list: projects[x%uint64(len(projects))]}, b
	default:
		return p.composed(a, x, b)
	}
	return v, b
}

// reports is how many users name the same manager.
const reports = 8

// composed is attr for the attributes whose text has to be put together.
func (p *person) composed(a attrID, x uint64, b []byte) (value, []byte) {
	v := value{kind: stringValue}
	switch a {
	case attrLogin:
		b = p.appendLogin(b)
	case attrEmail:
		b = p.appendEmail(x, b)
	case attrSecondEmail:
		if p.i%700 == 333 { // written as "" by some client: not null, and no value either
			return v, b
		}
		b = append(b, p.first.ascii...)
		b = append(b, '.')
		b = append(b, p.last.ascii...)
		b = strconv.AppendInt(b, int64(x%100), 10)
		b = append(b, "@mail.example"...)
	case attrDisplayName:
		b = p.appendDisplayName(b)
	case attrMobilePhone, attrPrimaryPhone:
		b = appendPadded(append(b, p.place.dial...), x%10000, 4)
	case attrProfileURL:
		b = strconv.AppendInt(append(b, "https://people.acme.example/?id="...), int64(p.i), 10)
	case attrStreetAddress:
		b = strconv.AppendUint(b, x%300+1, 10)
		b = append(append(b, ' '), p.place.street...)
	case attrPostalAddress:
		b = strconv.AppendUint(append(b, "P.O. Box "...), x%9000+100, 10)
		b = append(append(b, '\n'), p.place.city...)
		b = append(append(b, ' '), p.place.zip...)
	case attrEmployeeNumber:
		b = appendPadded(b, uint64(p.i)+1001, 6)
	case attrManagerID, attrManager:
		if p.i == 0 { // the one without a manager
			return value{}, b
		}
		if a == attrManagerID {
			b = appendPadded(b, uint64(p.i/reports)+1001, 6)
			break
		}
		boss := p.gen.person(p.i / reports)
		b = boss.appendDisplayName(b)
	case attrBadge:
		b = appendPadded(b, x%200000, 8)
	}
	return v, b
}

// Logins end in the user's number, which is what makes them unique and lets a login be found without
// keeping a list of them.
func (p *person) appendLogin(b []byte) []byte {
	domain := "@acme.example"
	x := mix(p.h + 77)
	switch k := x % 100; {
	case p.i%500 == 37: // can't be fetched by login, only by id
		b = append(b, "ext/"...)
		b = append(append(append(b, p.first.ascii...), '.'), p.last.ascii...)
	case k < 72:
		b = append(append(append(b, p.first.ascii...), '.'), p.last.ascii...)
	case k < 86:
		b = append(append(b, p.first.ascii[0]), p.last.ascii...)
	case k < 92:
		b = append(append(append(b, p.first.plain...), '.'), p.last.plain...)
	case k < 96:
		domain = "@Acme.Example"
		from := len(b)
		b = append(append(append(b, p.first.ascii...), '.'), p.last.ascii...)
		b[from] -= 'a' - 'A'
		b[from+len(p.first.ascii)+1] -= 'a' - 'A'
	case k < 98:
		b = append(append(append(b, p.first.ascii...), '_'), p.last.ascii...)
		b = append(b, '+')
	default:
		domain = "@partners.acme.example"
		b = append(append(append(b, p.first.ascii...), '.'), p.last.ascii...)
	}
	b = strconv.AppendInt(b, int64(p.i)+1, 10)
	return append(b, domain...)
}

// appendEmail appends the address: mostly the login, but neither always nor always unique.
func (p *person) appendEmail(x uint64, b []byte) []byte {
	if p.i%500 == 37 {
		x = 90 // the login is no address
	}
	switch k := x % 100; {
	case k < 85:
		return p.appendLogin(b)
	case k < 89: // a mailbox that people share
		b = append(b, "frontdesk."...)
		return append(append(b, p.place.slug...), "@acme.example"...)
	case k < 95:
		b = append(append(append(b, p.first.ascii...), '.'), p.last.ascii...)
		b = append(b, '.')
		return append(strconv.AppendInt(b, int64(p.i)+1, 10), "@corp.acme.example"...)
	}
	from := len(b)
	b = append(append(append(b, p.first.ascii...), '.'), p.last.ascii...)
	for i := from; i < len(b); i++ {
		if b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return append(strconv.AppendInt(b, int64(p.i)+1, 10), "@ACME.example"...)
}

func (p *person) appendDisplayName(b []byte) []byte {
	if p.lastFirst {
		return append(append(b, p.last.text...), p.first.text...)
	}
	return append(append(append(b, p.first.text...), ' '), p.last.text...)
}

func appendPadded(b []byte, n uint64, width int) []byte {
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], n, 10)
	for k := len(d); k < width; k++ {
		b = append(b, '0')
	}
	return append(b, d...)
}

// profileKeys are the attributes' names as the beginning of a string member.
var profileKeys = func() (keys [attrs]string) {
	for a := range attrs {
		keys[a] = `"` + schema[a].name + `":"`
	}
	return keys
}()

// appendProfile appends the profile as an object. Pages are mostly made of these, so the texts go
// straight to where they belong.
func (p *person) appendProfile(b []byte, f *projection) []byte {
	b = append(b, '{')
	begin := len(b)
	for _, a := range profileOrder {
		if f != nil && !f.hasAttribute(schema[a].name) {
			continue
		}
		if _, present := p.draw(a); !present && !shownAnyway(a) {
			continue // attr would say so too, for more
		}
		mark := len(b)
		if mark > begin {
			b = append(b, ',')
		}
		b = append(b, profileKeys[a]...)
		from := len(b)
		var v value
		v, b = p.attr(a, b)
		switch {
		case v.kind == absent:
			b = b[:mark]
		case len(b) == from: // ready-made, and perhaps no string
			b = v.appendJSON(b[:from-1])
		default:
			if needsEscape(b[from:]) {
				b = appendEscaped(b[:from], string(b[from:]))
			}
			b = append(b, '"')
		}
	}
	return append(b, '}')
}

// shownAnyway says whether an attribute may be in a profile although the draw was against it.
func shownAnyway(a attrID) bool {
	return a == attrMobilePhone || a == attrSecondEmail || a == attrEmployeeNumber
}

// attributes returns the profile as a list, for a user who is about to be changed.
func (p *person) attributes() []attribute {
	var list []attribute
	for _, a := range profileOrder {
		v, text := p.attr(a, nil)
		if v.kind == absent {
			continue
		}
		if len(text) > 0 {
			v.text = string(text)
		}
		list = append(list, attribute{schema[a].name, v})
	}
	return list
}

// indexOfLogin returns the only generated user who can have this login or short name: the number at
// the end of the part before the @. ok is false if there is none. The caller compares.
func (g *generator) indexOfLogin(login string) (i int, ok bool) {
	local := login
	for k := len(login) - 1; k >= 0; k-- {
		if login[k] == '@' {
			local = login[:k]
			break
		}
	}
	start := len(local)
	for start > 0 && local[start-1] >= '0' && local[start-1] <= '9' {
		start--
	}
	number, err := strconv.Atoi(local[start:])
	if err != nil || number < 1 || number > g.n {
		return 0, false
	}
	return number - 1, true
}
