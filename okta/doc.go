// Package okta is a client of the Okta API: credentials, requests, pages,
// rate limits, retries and errors.
//
// A [Client] talks to one org. [Client.Get] reads one object, [Client.Pages]
// walks a list page by page and can fetch the next page while the caller reads
// this one. Objects stay the raw JSON the API sent: the package checks that it
// is JSON and where each object begins and ends, and leaves its meaning to the
// caller.
//
// GETs are repeated on rate limits, server errors and broken connections, with
// waits computed from what the org said ([Options], [Wait]). [Client.Do] makes calls of any method; one that
// changes something is repeated only where it is certain that it didn't, and is else an error that is [InDoubt].
// A call that failed for good returns an [*Error], or a [*RateLimitError] which
// wraps one; predicates such as [IsNotFound] and [Retryable] tell what it means.
//
// The credential goes to the org's own host only, over TLS (plain http is for
// loopback addresses), and never into an error, a log or the text of any value
// of this package. Redirects are reported, not followed.
//
// A Client may be used from many goroutines, a [Pages] from one at a time.
//
// It is not a model of Okta's resources (no User type, no method per endpoint),
// not a scheduler that spreads calls over a rate limit, and it knows no SQL.
package okta
