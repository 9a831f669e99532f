// Package oktatest is a sandbox Okta org: the Users API on a loopback port, faithful enough that a
// client can't tell, so that scripts, tests and people can practise with no org and no risk.
//
// An [Org] is the API as an http.Handler; [Start] serves one for the length of a test, [Serve] for
// anything else. [Options] say how large the org is and what it looks like, [Fault] makes it misbehave
// on purpose, and [Org.Requests] tells what it was asked. Everything may be used concurrently.
//
// The people of an org are generated: the same seed and number give the same org, byte for byte, on any
// day. They are computed when they are asked for and not kept, so an org of a million users starts at
// once and stays small. What is changed is forgotten in the end, unless [Options].File names a file: that has
// every change before it is answered, and the next org of the file has it again.
//
// Served is the Users API: lists with q, filter, search, sortBy, sortOrder, limit, after, fields and the
// okta-response trimming; users by id, login, short name or me; creating, updating, replacing and deleting
// them; all lifecycle and credential operations and the end of sessions; and the groups, user types and
// schemas that these refer to. Authentication is the API token (SSWS). What users do themselves, on
// pages outside of the API, the methods of Org stand for: [Org.SignIn], [Org.LockOut],
// [Org.CompleteActivation], [Org.CompleteRecovery]. Passwords are kept as salted hashes. The org's clock
// can be set ([Org.SetClock]). For tests in other languages, the path /sandbox/v1 does what the methods do.
//
// It is not a client, and it shares no code with one: the two check each other. It isn't Okta either:
// where Okta's behaviour is neither recorded nor documented, the comments say what was chosen.
package oktatest
