package oktatest

import (
	"fmt"
	"time"
)

// DefaultToken is the API token that an org accepts when Options.Token is empty.
const DefaultToken = "00sandboxtokenPractise0n1yNoSecretInHereXY"

// MaxUsers is the largest number of generated users.
const MaxUsers = 10_000_000

// Options describe an org. The zero value is an org with no users at all, that accepts
// [DefaultToken] and limits nothing.
type Options struct {
	// Users is the number of generated users, 0 to [MaxUsers]. All eight statuses are present from
	// 128 users on; a whole bulk import (250 or more users created in one second) from 1,050 on.
	Users int
	// Seed picks the org among all orgs of this size: the same Users, Seed and IDSuffix give the same
	// users, byte for byte. 0 is a seed like any other.
	Seed uint64
	// Token is the API token that requests must carry; empty: [DefaultToken].
	Token string
	// Now is the org's clock, for the Date header, the rate-limit windows and the request log;
	// nil: time.Now. Waiting (Latency, delays of faults) is real time whatever the clock says.
	Now func() time.Time
	// Latency is added to every answer; 0: none.
	Latency time.Duration
	// RateLimit is the number of calls that an org allows; zero: as many as you like.
	RateLimit RateLimit
	// IDSuffix is the tail that all ids of the org share, three of [0-9A-Za-z]; empty: "5d7".
	IDSuffix string
	// Gzip makes the org compress answers for clients that accept it. Off by default, as on a
	// loopback connection it costs more than it saves.
	Gzip bool

	// Engine is the generation of the org; zero: [IdentityEngine].
	Engine Engine
	// EditDeactivated lets the profiles of deactivated users be edited, an option of real orgs. Off,
	// that is refused with E0000038.
	EditDeactivated bool
	// OptionalPassword is the policy of an org in which nobody needs a password: users who are activated
	// without one become ACTIVE instead of PROVISIONED.
	OptionalPassword bool
	// PasswordKeepsStatus makes an admin's new password leave users PROVISIONED, in RECOVERY,
	// PASSWORD_EXPIRED or LOCKED_OUT as they are. Off, they become ACTIVE. Which of the two Okta does is
	// documented nowhere.
	PasswordKeepsStatus bool
	// EmailsInCredentials shows the primary address in credentials.emails, as some orgs do.
	EmailsInCredentials bool
	// ForgotPasswordNeedsQuestion shows the link forgotPassword, and allows the operation, only for users
	// with a recovery question, as until 2020. Off, every active user with a password has it.
	ForgotPasswordNeedsQuestion bool
	// HideResetFactorsLink leaves out the link resetFactors, as orgs do that show it only to users with
	// a factor. Off, every user has it.
	HideResetFactorsLink bool

	// Faults are injected from the start, as by [Org.Inject].
	Faults []Fault
}

// An Engine is a generation of Okta. Here they differ in the address of activation links.
type Engine uint8

const (
	IdentityEngine Engine = iota // /tokens/{token}/verify
	ClassicEngine                // /welcome/{token}
)

// A RateLimit is how many calls each bucket takes in a window. Okta counts listing and creating users,
// getting a user, and changing or deleting a user in buckets of their own, and a window begins with the
// first call after the last one ended.
//
// The three X-Rate-Limit headers are on every authenticated answer, limit or not. Without a limit they
// say 600 calls in 60 seconds, and the window begins anew after half of them, so that a client which
// paces itself by the headers isn't slowed down.
type RateLimit struct {
	// Calls is the number of calls in a window; 0: no limit.
	Calls int
	// Window is the length of a window; 0: 60 s, as Okta's. The reset header has whole seconds, so a
	// window shorter than a second shows rounded up.
	Window time.Duration
}

// defaults returns o with its zero values filled in, or an error that says which option can't be.
func (o Options) defaults() (Options, error) {
	if o.Users < 0 || o.Users > MaxUsers {
		return o, fmt.Errorf("oktatest: Options.Users is %d: choose 0 to %d", o.Users, MaxUsers)
	}
	if o.Token == "" {
		o.Token = DefaultToken
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RateLimit.Window <= 0 {
		o.RateLimit.Window = time.Minute
	}
	if o.IDSuffix == "" {
		o.IDSuffix = "5d7"
	}
	if len(o.IDSuffix) != 3 || !isBase62(o.IDSuffix) {
		return o, fmt.Errorf("oktatest: Options.IDSuffix is %q: choose three of 0-9, A-Z, a-z", o.IDSuffix)
	}
	return o, nil
}
