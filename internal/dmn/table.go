package dmn

import (
	"strings"

	"github.com/sluicehq/sluice/internal/juel"
)

// HitPolicy says which of the rules that match count (DMN 1.1, 8.2.10).
type HitPolicy string

// The hit policies. A table that names none has First, as in Activiti 6.
const (
	First       HitPolicy = "FIRST"        // the first one; the rules after it are not looked at
	Any         HitPolicy = "ANY"          // all, each setting its outputs over those before; see Decide
	Unique      HitPolicy = "UNIQUE"       // one; a second one is an error
	Priority    HitPolicy = "PRIORITY"     // the one whose outputs stand first in the lists of output values
	RuleOrder   HitPolicy = "RULE ORDER"   // all, in the order of the table
	OutputOrder HitPolicy = "OUTPUT ORDER" // all, in the order of the lists of output values
	Collect     HitPolicy = "COLLECT"      // all, or what an aggregation makes of them
)

// Aggregation is what Collect makes of the values of its one output.
type Aggregation string

// The aggregations; none gives all values.
const (
	None  Aggregation = ""
	Sum   Aggregation = "SUM"
	Min   Aggregation = "MIN"
	Max   Aggregation = "MAX"
	Count Aggregation = "COUNT"
)

// Type is the type of a column.
type Type string

// The types. Number is a Double, as in Activiti 6; Unknown leaves values as they are.
const (
	String  Type = "string"
	Number  Type = "number"
	Integer Type = "integer"
	Long    Type = "long"
	Boolean Type = "boolean"
	Date    Type = "date"
	Unknown Type = ""
)

// Table is a decision table that has been read and found right. It is immutable and
// may be used by many goroutines.
type Table struct {
	Key         string // the id of the decision, by which processes name it
	Name        string
	Description string
	HitPolicy   HitPolicy
	Aggregation Aggregation
	Inputs      []Input
	Outputs     []Output
	Rules       []Rule
}

// Input is a column of conditions.
type Input struct {
	ID         string
	Label      string
	Expression string // what is looked at: a variable's name, a path or ${…}
	Type       Type

	compiled *juel.Expression
}

// Output is a column of conclusions.
type Output struct {
	ID     string
	Label  string
	Name   string   // of the variable that is set
	Type   Type     // what the value is made
	Values []string // the values that may occur, the one with the highest priority first

	ranks []*juel.Expression
}

// Rule is a row. Its entries are in the order of the columns.
type Rule struct {
	Number  int // from 1
	Inputs  []Entry
	Outputs []Entry
}

// Entry is a cell as it was written.
type Entry struct {
	ID   string
	Text string

	test  *test       // of an input; nil matches everything
	value *conclusion // of an output; nil sets nothing
}

// policies are the ways in which tables name a hit policy.
var policies = map[string]HitPolicy{
	"": First, "FIRST": First, "ANY": Any, "UNIQUE": Unique, "PRIORITY": Priority, "RULE ORDER": RuleOrder, "OUTPUT ORDER": OutputOrder, "COLLECT": Collect, "UNORDERED": Collect,
	"F": First, "A": Any, "U": Unique, "P": Priority, "R": RuleOrder, "O": OutputOrder, "C": Collect,
}

// aggregations are the ways in which tables name an aggregation.
var aggregations = map[string]Aggregation{
	"": None, "LIST": None, "SUM": Sum, "MIN": Min, "MAX": Max, "COUNT": Count, "+": Sum, "<": Min, ">": Max, "#": Count,
}

// types are the ways in which tables name a type.
var types = map[string]Type{
	"": Unknown, "any": Unknown, "json": Unknown, "collection": Unknown, "list": Unknown,
	"string": String, "boolean": Boolean, "bool": Boolean, "date": Date, "datetime": Date, "dateandtime": Date,
	"number": Number, "double": Number, "float": Number, "decimal": Number, "integer": Integer, "int": Integer, "long": Long,
}

// policyOf reads a hit policy, with the sign of an aggregation behind it as in "C+".
func policyOf(text string) (HitPolicy, Aggregation, bool) {
	text = strings.Join(strings.Fields(strings.ToUpper(strings.ReplaceAll(text, "_", " "))), " ")
	if policy, ok := policies[text]; ok {
		return policy, None, true
	}
	rest, ok := strings.CutPrefix(text, "C")
	aggregation, known := aggregations[rest]
	return Collect, aggregation, ok && known
}

func aggregationOf(text string) (Aggregation, bool) {
	aggregation, ok := aggregations[strings.ToUpper(strings.TrimSpace(text))]
	return aggregation, ok
}

// typeOf reads a type; a prefix as in feel:string does not matter.
func typeOf(text string) (Type, bool) {
	name := strings.ToLower(strings.TrimSpace(text))
	if at := strings.LastIndexByte(name, ':'); at >= 0 {
		name = name[at+1:]
	}
	kind, ok := types[strings.NewReplacer(" ", "", "_", "").Replace(name)]
	return kind, ok
}
