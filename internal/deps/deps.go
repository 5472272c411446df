// Package deps holds one test: the import graph of this module against the rules in docs/architecture.md.
package deps
