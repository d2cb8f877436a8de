package diagram

import (
	"math"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// canvas collects SVG.
type canvas struct{ b strings.Builder }

// attrs are the attributes of an SVG element, in order: name, value, name, value.
// Values are strings or float64.
type attrs []any

// pen says how something is drawn.
type pen struct {
	stroke, fill string
	width        float64
	dash         string
}

func (p pen) attrs() attrs {
	out := attrs{"stroke", p.stroke, "stroke-width", p.width, "fill", p.fill}
	if p.dash != "" {
		out = append(out, "stroke-dasharray", p.dash)
	}
	return out
}

// number writes a number with two decimals at most.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100+0, 'f', -1, 64)
}

// escape makes a text safe in elements and attributes alike.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func (c *canvas) start(name string, list ...attrs) {
	c.tag(name, list)
	c.b.WriteString(">")
}

func (c *canvas) end(name string) { c.b.WriteString("</" + name + ">\n") }

// empty writes an element without content.
func (c *canvas) empty(name string, list ...attrs) {
	c.tag(name, list)
	c.b.WriteString("/>\n")
}

func (c *canvas) tag(name string, list []attrs) {
	c.b.WriteString("<" + name)
	for _, some := range list {
		for i := 0; i+1 < len(some); i += 2 {
			value, ok := some[i+1].(string)
			if f, isNumber := some[i+1].(float64); isNumber {
				value, ok = number(f), true
			}
			key, _ := some[i].(string)
			if ok {
				c.b.WriteString(" " + key + `="` + escape.Replace(value) + `"`)
			}
		}
	}
}

// element writes an element with text in it, which has gone through clean.
func (c *canvas) element(name, text string, list ...attrs) {
	c.start(name, list...)
	c.b.WriteString(escape.Replace(text))
	c.end(name)
}

func (c *canvas) rect(r bpmn.Rect, radius float64, p pen) {
	a := attrs{"x", r.X, "y", r.Y, "width", r.Width, "height", r.Height}
	if radius > 0 {
		a = append(a, "rx", radius)
	}
	c.empty("rect", a, p.attrs())
}

func (c *canvas) circle(x, y, radius float64, p pen) {
	c.empty("circle", attrs{"cx", x, "cy", y, "r", radius}, p.attrs())
}

// path draws path data.
func (c *canvas) path(data string, p pen) {
	c.empty("path", attrs{"d", data}, p.attrs(), attrs{"stroke-linejoin", "round"})
}

// line draws a polyline.
func (c *canvas) line(points []bpmn.Point, p pen) {
	p.fill = "none"
	c.path(pathOf(points, false), p)
}

// shape draws a closed polygon.
func (c *canvas) shape(points []bpmn.Point, p pen) { c.path(pathOf(points, true), p) }

func pathOf(points []bpmn.Point, closed bool) string {
	var b strings.Builder
	for i, at := range points {
		if i == 0 {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(number(at.X) + " " + number(at.Y))
	}
	if closed {
		b.WriteByte('Z')
	}
	return b.String()
}

// at is a shape's own coordinate system: points are given from -1 to 1 around a
// centre.
type at struct{ x, y, scale float64 }

func (a at) points(xy ...float64) []bpmn.Point {
	out := make([]bpmn.Point, 0, len(xy)/2)
	for i := 0; i+1 < len(xy); i += 2 {
		out = append(out, bpmn.Point{X: a.x + xy[i]*a.scale, Y: a.y + xy[i+1]*a.scale})
	}
	return out
}

func (a at) rect(x, y, width, height float64) bpmn.Rect {
	return bpmn.Rect{X: a.x + x*a.scale, Y: a.y + y*a.scale, Width: width * a.scale, Height: height * a.scale}
}

// anchors say where a text stands to its point.
const (
	middle = "middle"
	left   = "start"
)

// text writes lines around the vertical centre y.
func (c *canvas) text(lines []string, x, y, size float64, anchor, colour string, halo bool) {
	if len(lines) == 0 {
		return
	}
	a := attrs{"font-size", size, "fill", colour, "text-anchor", anchor}
	if halo { // so that a name can be read on a line
		a = append(a, "stroke", paper, "stroke-width", 3.0, "stroke-linejoin", "round", "paint-order", "stroke")
	}
	c.start("text", a)
	step := size * lineHeight
	first := y - step*float64(len(lines)-1)/2 + size*0.35
	for i, line := range lines {
		c.tag("tspan", []attrs{{"x", x, "y", first + step*float64(i)}})
		c.b.WriteString(">" + escape.Replace(line) + "</tspan>")
	}
	c.end("text")
}
