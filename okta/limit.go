package okta

import "time"

// A Pace is how fast calls of one kind can be made, as far as that is known without making one.
type Pace struct {
	// Bucket names the calls that share the limit, such as "users".
	Bucket string
	// Calls is how many the org lets this credential make in a Window.
	Calls  int
	Window time.Duration
	// Known: an answer of the org has said Calls. Else it is what Okta documents for orgs of its smallest paid
	// kind, halved, since a token may use half of an org's limit unless an admin says otherwise.
	Known bool
	// Headroom is the share of Calls that the client leaves to the org's other apps, 0 to 0.9.
	Headroom float64
	// Answer is how long the last answers have taken on average; 0: there was none.
	Answer time.Duration
}

// documented are Okta's default limits for a minute, by bucket.
var documented = map[string]int{"get user": 1000, "groups": 500, "apps": 100, "app": 500, "logs": 50, "devices": 100, "certificateAuthorities": 100}

// documentedElse is the limit of all other buckets.
const documentedElse = 600

// Pace returns how fast calls of an HTTP method to a path can be made. It makes none.
func (c *Client) Pace(method, path string) Pace {
	p := Pace{Bucket: bucketOf(method, path), Window: usualWindow, Headroom: c.opt.Headroom}
	p.Calls = documented[p.Bucket]
	if p.Calls == 0 {
		p.Calls = documentedElse
	}
	p.Calls /= 2
	pace := c.state.pace
	pace.mu.Lock()
	defer pace.mu.Unlock()
	p.Answer = pace.answer
	if b := pace.buckets[p.Bucket]; b != nil && b.limit > 0 {
		p.Calls, p.Window, p.Known = b.limit, b.length.period(), true
	}
	return p
}

// Limits returns the paces that answers have told so far, in no order.
func (c *Client) Limits() []Pace {
	pace := c.state.pace
	pace.mu.Lock()
	defer pace.mu.Unlock()
	var out []Pace
	for name, b := range pace.buckets {
		if b.limit > 0 {
			out = append(out, Pace{Bucket: name, Calls: b.limit, Window: b.length.period(), Known: true, Headroom: c.opt.Headroom, Answer: pace.answer})
		}
	}
	return out
}

// Waits is how long the limit keeps so many calls waiting at least, were they answered at once and nobody else
// called: none in a first burst, and then as many as the share of a window allows. See pacer.
func (p Pace) Waits(calls int64) time.Duration {
	if p.Calls < 1 || calls < 1 {
		return 0
	}
	if p.Headroom == 0 {
		return time.Duration((calls-1)/int64(p.Calls)) * p.Window
	}
	share := max(int64(float64(p.Calls)*(1-p.Headroom)), 1)
	first := int64(burst * float64(share))
	return time.Duration(max(calls-1-first, 0)) * (p.Window / time.Duration(share))
}
