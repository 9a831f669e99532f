// Package change is what happens between a statement that changes an org and the org: a plan of what
// would be called for which row, its application, the journal that outlives a crash, resume and undo.
//
// A [Planner] makes a [Plan] from the rows that a statement is about, and nothing is called while it
// does. [OpenJournal] opens a directory's [Journal], [Journal.Begin] a [Run] in it, [Run.Apply] applies
// plans, one after the other, the rows of each side by side. [Journal.Open] opens one that was
// interrupted and [Run.Resume] goes on with it, [Journal.Undo] plans its inverse, [Journal.Verify] checks
// that nobody has changed the journal since. A run belongs to the orgs whose [Identity] the journal has.
//
// A Planner and a Plan belong to one goroutine; a Journal may be used by many, a Run by one at a time,
// which starts and ends all others that it needs.
//
// The package knows neither SQL nor HTTP. Rows and values come to it evaluated, and calls leave it
// through a [Caller]. It asks nobody for approval: that is for whoever shows the plan.
package change
