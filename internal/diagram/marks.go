package diagram

import (
	"math"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// mark draws what an event is about, within a circle. Filled marks throw.
func (c *canvas) mark(kind bpmn.EventKind, in at, p pen, filled bool) {
	outline := p
	solid := p
	outline.width, solid.width = math.Min(p.width, 1.4), 1
	outline.fill, outline.dash, solid.dash = "none", "", ""
	solid.fill = p.stroke
	body := outline
	if filled {
		body = solid
	}
	switch kind {
	case bpmn.TimerEvent:
		c.clock(in, outline)
	case bpmn.MessageEvent:
		c.envelope(in.rect(-0.58, -0.4, 1.16, 0.8), outline, filled)
	case bpmn.SignalEvent:
		c.shape(in.points(0, -0.62, 0.6, 0.42, -0.6, 0.42), body)
	case bpmn.ErrorEvent:
		c.shape(in.points(-0.55, 0.55, -0.2, -0.5, 0.17, 0.06, 0.55, -0.55, 0.22, 0.5, -0.15, -0.06), body)
	case bpmn.EscalationEvent:
		c.shape(in.points(0, -0.62, 0.48, 0.52, 0, 0.08, -0.48, 0.52), body)
	case bpmn.CompensationEvent:
		c.rewind(at{in.x - 0.08*in.scale, in.y, in.scale * 0.62}, body)
	case bpmn.CancelEvent:
		c.shape(in.points(-0.55, -0.35, -0.35, -0.55, 0, -0.2, 0.35, -0.55, 0.55, -0.35, 0.2, 0, 0.55, 0.35, 0.35, 0.55, 0, 0.2, -0.35, 0.55, -0.55, 0.35, -0.2, 0), body)
	case bpmn.ConditionalEvent:
		c.rect(in.rect(-0.42, -0.55, 0.84, 1.1), 0, outline)
		for _, y := range []float64{-0.3, -0.1, 0.1, 0.3} {
			c.line(in.points(-0.27, y, 0.27, y), outline)
		}
	case bpmn.LinkEvent:
		c.shape(in.points(-0.55, -0.22, 0.12, -0.22, 0.12, -0.48, 0.6, 0, 0.12, 0.48, 0.12, 0.22, -0.55, 0.22), body)
	case bpmn.TerminateEvent:
		c.circle(in.x, in.y, in.scale*0.6, solid)
	case bpmn.NoneEvent:
	}
}

func (c *canvas) clock(in at, p pen) {
	c.circle(in.x, in.y, in.scale*0.64, p)
	for i := range 12 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 6)
		c.line(in.points(cos*0.52, sin*0.52, cos*0.64, sin*0.64), p)
	}
	c.line(in.points(0.12, -0.46, 0, 0, 0.34, 0.04), p)
}

// envelope is a message: white when it is received, dark when it is sent.
func (c *canvas) envelope(r bpmn.Rect, p pen, filled bool) {
	fold := p
	if filled {
		p.fill, fold.stroke = p.stroke, paper
	} else {
		p.fill = paper
	}
	c.rect(r, 0, p)
	c.line([]bpmn.Point{{X: r.X, Y: r.Y}, {X: r.X + r.Width/2, Y: r.Y + r.Height*0.55}, {X: r.X + r.Width, Y: r.Y}}, fold)
}

// rewind is the mark of compensation.
func (c *canvas) rewind(in at, p pen) {
	c.shape(in.points(-0.9, 0, 0, -0.62, 0, 0.62), p)
	c.shape(in.points(0, 0, 0.9, -0.62, 0.9, 0.62), p)
}

// icon draws the type of a task into a box of about 16 pixels around a centre.
func (c *canvas) icon(element string, in at, p pen) {
	p.width, p.dash = 1.1, ""
	none := p
	none.fill = "none"
	switch element {
	case "userTask":
		c.circle(in.x, in.y-0.42*in.scale, 0.4*in.scale, pen{stroke: p.stroke, fill: paper, width: p.width})
		c.path(pathOf(in.points(-0.85, 0.9), false)+curve(in, -0.85, 0.1, -0.4, 0.02, 0, 0.02)+curve(in, 0.4, 0.02, 0.85, 0.1, 0.85, 0.9)+"Z", pen{stroke: p.stroke, fill: paper, width: p.width})
	case "serviceTask":
		c.gear(in, p)
	case "scriptTask":
		c.rect(in.rect(-0.68, -0.88, 1.36, 1.76), 1.5, pen{stroke: p.stroke, fill: paper, width: p.width})
		for i, y := range []float64{-0.5, -0.17, 0.16, 0.49} {
			c.line(in.points(-0.4, y, []float64{0.42, 0.2, 0.42, 0.05}[i], y), none)
		}
	case "sendTask":
		c.envelope(in.rect(-0.95, -0.65, 1.9, 1.3), p, true)
	case "receiveTask":
		c.envelope(in.rect(-0.95, -0.65, 1.9, 1.3), p, false)
	case "manualTask":
		c.hand(in, p)
	case "businessRuleTask":
		c.rect(in.rect(-0.95, -0.7, 1.9, 1.4), 0, pen{stroke: p.stroke, fill: paper, width: p.width})
		c.rect(in.rect(-0.95, -0.7, 1.9, 0.42), 0, pen{stroke: p.stroke, fill: p.stroke, width: p.width})
		c.line(in.points(-0.95, 0.22, 0.95, 0.22), none)
		c.line(in.points(-0.35, -0.28, -0.35, 0.7), none)
	}
}

// curve continues a path by a cubic curve.
func curve(in at, xy ...float64) string {
	return "C" + pair(in, xy[0], xy[1]) + " " + pair(in, xy[2], xy[3]) + " " + pair(in, xy[4], xy[5])
}

// pair writes a point.
func pair(in at, x, y float64) string {
	q := in.points(x, y)[0]
	return number(q.X) + " " + number(q.Y)
}

// gear has eight teeth and a hole.
func (c *canvas) gear(in at, p pen) {
	var xy []float64
	for i := range 8 {
		for _, edge := range [][2]float64{{-0.3, 0.68}, {-0.2, 0.95}, {0.2, 0.95}, {0.3, 0.68}} {
			sin, cos := math.Sincos(float64(i)*math.Pi/4 + edge[0]*0.9)
			xy = append(xy, cos*edge[1], sin*edge[1])
		}
	}
	c.shape(in.points(xy...), pen{stroke: p.stroke, fill: paper, width: p.width})
	c.circle(in.x, in.y, in.scale*0.3, pen{stroke: p.stroke, fill: paper, width: p.width})
}

// hand shows four fingers to the right and a thumb above them.
func (c *canvas) hand(in at, p pen) {
	c.path(pathOf(in.points(-0.95, -0.25, -0.15, -0.85, 0.02, -0.68, -0.3, -0.3, 0.75, -0.3), false)+
		curve(in, 0.98, -0.3, 0.98, 0.02, 0.75, 0.02)+
		curve(in, 0.95, 0.02, 0.95, 0.32, 0.68, 0.32)+
		curve(in, 0.86, 0.32, 0.86, 0.6, 0.58, 0.6)+
		curve(in, 0.72, 0.6, 0.72, 0.85, 0.42, 0.85)+
		"L"+pair(in, -0.6, 0.85)+"L"+pair(in, -0.95, 0.62)+"Z",
		pen{stroke: p.stroke, fill: paper, width: p.width})
	none := pen{stroke: p.stroke, fill: "none", width: p.width}
	c.line(in.points(0.2, 0.02, 0.72, 0.02), none)
	c.line(in.points(0.2, 0.32, 0.66, 0.32), none)
	c.line(in.points(0.2, 0.6, 0.56, 0.6), none)
}

// The marks at the foot of an activity.
const (
	markLoop       = "loop"
	markParallel   = "parallel"
	markSequential = "sequential"
	markCompensate = "compensate"
	markAdHoc      = "adhoc"
	markCollapsed  = "collapsed"
)

// foot draws marks side by side around a point.
func (c *canvas) foot(marks []string, x, y float64, p pen) {
	const step = 18
	x -= step * float64(len(marks)-1) / 2
	p.width, p.dash, p.fill = 1.3, "", "none"
	for i, name := range marks {
		in := at{x + step*float64(i), y, 7}
		switch name {
		case markLoop:
			c.path(pathOf(in.points(-0.45, 0.75), false)+"A"+number(in.scale*0.85)+" "+number(in.scale*0.85)+" 0 1 1 "+pair(in, 0.5, 0.72), p)
			c.line(in.points(-0.95, 0.8, -0.4, 0.78, -0.5, 0.2), p)
		case markParallel:
			for _, at := range []float64{-0.6, 0, 0.6} {
				c.line(in.points(at, -0.85, at, 0.85), pen{stroke: p.stroke, width: 2.2})
			}
		case markSequential:
			for _, at := range []float64{-0.6, 0, 0.6} {
				c.line(in.points(-0.85, at, 0.85, at), pen{stroke: p.stroke, width: 2.2})
			}
		case markCompensate:
			c.rewind(in, p)
		case markAdHoc:
			c.path(pathOf(in.points(-0.9, 0.25), false)+curve(in, -0.5, -0.75, -0.15, -0.35, 0, -0.05)+curve(in, 0.2, 0.35, 0.55, 0.7, 0.9, -0.25), pen{stroke: p.stroke, fill: "none", width: 2})
		case markCollapsed:
			c.rect(in.rect(-1, -1, 2, 2), 0, p)
			c.line(in.points(-0.6, 0, 0.6, 0), p)
			c.line(in.points(0, -0.6, 0, 0.6), p)
		}
	}
}

// gatewayMark draws what a gateway does.
func (c *canvas) gatewayMark(kind bpmn.Kind, in at, p pen) {
	bold := pen{stroke: p.stroke, fill: "none", width: 3}
	switch kind {
	case bpmn.ExclusiveGateway:
		c.line(in.points(-0.28, -0.3, 0.28, 0.3), bold)
		c.line(in.points(0.28, -0.3, -0.28, 0.3), bold)
	case bpmn.ParallelGateway:
		c.line(in.points(-0.42, 0, 0.42, 0), bold)
		c.line(in.points(0, -0.42, 0, 0.42), bold)
	case bpmn.InclusiveGateway:
		c.circle(in.x, in.y, in.scale*0.42, bold)
	case bpmn.EventGateway:
		thin := pen{stroke: p.stroke, fill: "none", width: 1.2}
		c.circle(in.x, in.y, in.scale*0.52, thin)
		c.circle(in.x, in.y, in.scale*0.43, thin)
		var xy []float64
		for i := range 5 {
			sin, cos := math.Sincos(float64(i)*2*math.Pi/5 - math.Pi/2)
			xy = append(xy, cos*0.28, sin*0.28)
		}
		c.shape(in.points(xy...), thin)
	case bpmn.ComplexGateway:
		for _, d := range [][2]float64{{0.44, 0}, {0, 0.44}, {0.3, 0.3}, {0.3, -0.3}} {
			c.line(in.points(-d[0], -d[1], d[0], d[1]), bold)
		}
	}
}
