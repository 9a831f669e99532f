package catalog

// Embedded is what Load parses.
var Embedded = embedded
