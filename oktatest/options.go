package oktatest

import (
	"fmt"
	"maps"
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
	// Owner makes sure that somebody owns the token. It belongs to the first generated user who is
	// ACTIVE, whom GET /api/v1/users/me shows; where there is none, as among no users at all, Owner adds
	// one more user for it, owner@acme.example. Off, such an org has no "me". Whatever becomes of its
	// owner, the token goes on working.
	Owner bool
	// Seed picks the org among all orgs of this size: the same Users, Seed and IDSuffix give the same
	// users, byte for byte. 0 is a seed like any other.
	Seed uint64
	// Today is the day before which the generated org's history ends (in UTC), so that questions about the
	// last 90 days have answers; the zero time: 1 July 2026, on every day the same. Moving it moves all
	// generated times by the same number of whole days, and nothing else.
	Today time.Time
	// Created is how the generated users' creation times lie; zero: [CreatedEvenly].
	Created Creation
	// File is the SQLite file that the org is kept in; empty: it is kept in memory, and forgotten. If there
	// is no such file it is made, for its owner's eyes only. Each change is in the file before it is
	// answered: killing the process loses none, and a request that the file doesn't take is answered with
	// 500 and changes nothing. One org has the file at a time. Users, Seed and IDSuffix may be left out for a
	// file that is there, and else must be those in the file, or the error is a *[FileError] that says what
	// the file holds; Owner and Today are the file's, and Created must be zero. Everything else, such as Token, is not in the file.
	File string
	// Token is the API token that requests must carry; empty: [DefaultToken].
	Token string
	// Now is the org's clock, for the Date header, the rate-limit windows and the request log;
	// nil: time.Now. Waiting (Latency, delays of faults) is real time whatever the clock says.
	Now func() time.Time
	// Latency is added to every answer; 0: none.
	Latency time.Duration
	// RateLimit is the number of calls that an org allows; zero: as many as you like.
	RateLimit RateLimit
	// Concurrency is how many requests the org answers at one time; those beyond are refused with 429, a
	// limit of 0 and 0 remaining. 0: any number.
	Concurrency int
	// SearchLag is how far lists with search, filter or q trail behind changes, by the org's clock; 0:
	// not at all. A user who is got by key, and the plain list, are never behind.
	SearchLag time.Duration
	// AsyncTransitions is how long an activation or deactivation takes, by the org's clock: so long,
	// lists with search, filter or q show the user with the status of before and transitioningToStatus,
	// and while an activation lasts the user can't be updated (E0000112). 0: they are done at once.
	AsyncTransitions time.Duration
	// Realms puts all users into a realm and shows realmId, as orgs with that feature do.
	Realms bool
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
	// OnRequest is told of every request when its answer is ready, those to the control path too; nil:
	// nobody is. It may be called concurrently, and the answer waits for it.
	OnRequest func(Request)
}

// An Engine is a generation of Okta. Here they differ in the address of activation links.
type Engine uint8

const (
	IdentityEngine Engine = iota // /tokens/{token}/verify
	ClassicEngine                // /welcome/{token}
)

// A Creation is how the creation times of generated users lie in the org's history, of seven and a half
// years. In each some are equal: see Options.Users.
type Creation uint8

const (
	CreatedEvenly       Creation = iota // as many in each month
	CreatedHeavyTailed                  // as many between two years ago and one as between one and a half, and so on down to the last second
	CreatedInTenSeconds                 // all in the last ten seconds
	CreatedInOneSecond                  // all in the last second
)

// A RateLimit is how many calls each [Bucket] takes in a window. A window begins with the first call
// after the last one ended.
//
// The three X-Rate-Limit headers are on every authenticated answer, limit or not. Without a limit they
// say 100,000 calls in 60 seconds, and the window begins anew after half of them, so that a client which
// paces itself by the headers isn't slowed down.
type RateLimit struct {
	// Calls is the number of calls in a window that a bucket takes from all tokens; 0: no limit.
	Calls int
	// Buckets are numbers of calls for single buckets instead of Calls; 0: no limit.
	Buckets map[Bucket]int
	// TokenShare is the percentage of each bucket that the token may use, 1 to 100, at Okta 50 unless an
	// admin changes it; the headers show what is left of the bucket by it. 0: 100.
	TokenShare int
	// Window is the length of a window; 0: 60 s, as Okta's. The reset header has whole seconds, so a
	// window shorter than a second shows rounded up.
	Window time.Duration
}

// defaults returns o with its zero values filled in, or an error that says which option can't be.
func (o Options) defaults() (Options, error) {
	if o.Users < 0 || o.Users > MaxUsers {
		return o, fmt.Errorf("oktatest: Options.Users is %d: choose 0 to %d", o.Users, MaxUsers)
	}
	if o.Created > CreatedInOneSecond || o.Created != CreatedEvenly && o.File != "" {
		return o, fmt.Errorf("oktatest: Options.Created is %d: choose CreatedEvenly to CreatedInOneSecond, and the first for a File", o.Created)
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
	if o.RateLimit.TokenShare == 0 {
		o.RateLimit.TokenShare = 100
	}
	if o.RateLimit.TokenShare < 1 || o.RateLimit.TokenShare > 100 {
		return o, fmt.Errorf("oktatest: Options.RateLimit.TokenShare is %d: choose 1 to 100", o.RateLimit.TokenShare)
	}
	o.RateLimit.Buckets = maps.Clone(o.RateLimit.Buckets)
	if o.IDSuffix == "" {
		o.IDSuffix = "5d7"
	}
	if len(o.IDSuffix) != 3 || !isBase62(o.IDSuffix) {
		return o, fmt.Errorf("oktatest: Options.IDSuffix is %q: choose three of 0-9, A-Z, a-z", o.IDSuffix)
	}
	return o, nil
}
