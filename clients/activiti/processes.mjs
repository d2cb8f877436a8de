// Makes random processes and a line of JSON for each, as Recorder reads it:
//   node processes.mjs FIRST COUNT DEPTH DIRECTORY
// A process is made of blocks with one way in and one way out, which hold others.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// mulberry32: the same numbers for the same seed, everywhere.
function numbers(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

class Maker {
  constructor(seed) {
    this.next = numbers(seed)
    this.count = 0
    this.many = 0 // how many multi-instance scopes are around: messages must be for one execution
    this.signals = new Set()
    this.messages = new Set()
    this.called = []
  }

  below(n) { return Math.floor(this.next() * n) }
  one(of) { return of[this.below(of.length)] }
  chance(p) { return this.next() < p }
  id(kind) { return kind + ++this.count }

  flow(to, from, target, condition, id = this.id('f')) {
    const inside = condition ? `<conditionExpression xsi:type="tFormalExpression">${condition}</conditionExpression>` : ''
    to.push(`<sequenceFlow id="${id}" sourceRef="${from}" targetRef="${target}">${inside}</sequenceFlow>`)
  }

  condition() { return this.one(['${v == 0}', '${v == 1}', '${v &gt; 1}', '${v &lt; 2}', '${true}', '${false}']) }

  // single elements

  task(to, inside = '') {
    const id = this.id('t')
    to.push(`<userTask id="${id}" name="${id}"${this.one(['', '', '', ' activiti:async="true"', ' activiti:assignee="kermit"'])}>${inside}</userTask>`)
    return [id, id]
  }

  service(to) {
    const id = this.id('s')
    to.push(`<serviceTask id="${id}"${this.one(['', '', ' activiti:async="true"'])} activiti:expression="\${execution.setVariable('w', '${id}')}"/>`)
    return [id, id]
  }

  element(to, kind, name, inside = '') {
    const id = this.id(kind)
    to.push(`<${name} id="${id}">${inside}</${name}>`)
    return [id, id]
  }

  event(kind) {
    switch (kind) {
      case 'timer': return `<timerEventDefinition><timeDuration>${this.one(['PT1H', 'PT30M', 'P1D'])}</timeDuration></timerEventDefinition>`
      case 'cycle': return `<timerEventDefinition><timeCycle>${this.one(['R2/PT1H', 'R3/PT30M'])}</timeCycle></timerEventDefinition>`
      case 'error': return '<errorEventDefinition errorRef="E1"/>'
    }
    const name = kind === 'signal' ? this.one(['sigA', 'sigB']) : this.id('msg')
    this[kind + 's'].add(name)
    return `<${kind}EventDefinition ${kind}Ref="${name}"/>`
  }

  waits() { return this.many ? ['timer', 'signal'] : ['timer', 'signal', 'message'] }
  caught(to) { return this.element(to, 'c', 'intermediateCatchEvent', this.event(this.one(this.waits()))) }
  thrown(to) { return this.element(to, 'th', 'intermediateThrowEvent', this.one(['', this.event('signal')])) }

  instances() {
    const how = this.one([['', `<loopCardinality>${1 + this.below(3)}</loopCardinality>`], ['', '<loopCardinality>${v + 1}</loopCardinality>'],
      [' activiti:collection="items" activiti:elementVariable="item"', '']])
    const enough = this.one(['', '', '${nrOfCompletedInstances &gt;= 2}', '${v == 1}'])
    return `<multiInstanceLoopCharacteristics isSequential="${this.chance(0.5)}"${how[0]}>${how[1]}` +
      (enough && `<completionCondition>${enough}</completionCondition>`) + '</multiInstanceLoopCharacteristics>'
  }

  // blocks of blocks

  sequence(to, depth) {
    const [first, a] = this.block(to, depth - 1), [b, last] = this.block(to, depth - 1)
    this.flow(to, a, b)
    return [first, last]
  }

  gateways(to, depth, fork, join = fork) {
    const from = this.id('fork'), until = this.id('join'), ways = []
    for (let n = 2 + this.below(2); n > 0; n--) {
      const [a, b] = this.block(to, depth - 1)
      ways.push([a, this.id('f')])
      this.flow(to, b, until)
    }
    const otherwise = fork === 'parallel' ? '' : this.one(ways)[1]
    to.push(`<${fork}Gateway id="${from}"${otherwise && ` default="${otherwise}"`}/><${join}Gateway id="${until}"/>`)
    for (const [a, id] of ways) this.flow(to, from, a, fork === 'parallel' || id === otherwise ? '' : this.condition(), id)
    return [from, until]
  }

  eventGateway(to, depth) {
    const [from] = this.element(to, 'evgw', 'eventBasedGateway'), [until] = this.element(to, 'join', 'exclusiveGateway')
    for (const kind of this.one([['timer', 'signal'], ['timer', 'message'], ['signal', 'message']])) {
      const [event] = this.element(to, 'c', 'intermediateCatchEvent', this.event(kind)), [a, b] = this.block(to, depth - 1)
      this.flow(to, from, event)
      this.flow(to, event, a)
      this.flow(to, b, until)
    }
    return [from, until]
  }

  // boundary hangs an event on an activity; its way may lead to the join after it.
  boundary(to, depth, host, kind, join) {
    const interrupting = kind === 'error' || this.chance(0.6), id = this.id('b')
    if (kind === 'timer' && !interrupting && this.chance(0.5)) kind = 'cycle'
    to.push(`<boundaryEvent id="${id}" attachedToRef="${host}"${interrupting ? '' : ' cancelActivity="false"'}>${this.event(kind)}</boundaryEvent>`)
    const [a, b] = this.block(to, Math.max(depth - 1, 0))
    this.flow(to, id, a)
    this.flow(to, b, interrupting && this.chance(0.7) ? join : this.element(to, 'end', 'endEvent')[0])
  }

  guarded(to, depth) {
    const [a, b] = this.chance(0.4) ? this.scope(to, depth) : this.chance(0.3) ? this.task(to, this.instances()) : this.task(to)
    const [join] = this.element(to, 'join', 'exclusiveGateway')
    this.flow(to, b, join)
    for (let n = this.one([1, 1, 2]); n > 0; n--) this.boundary(to, depth, b, this.one(this.waits()), join)
    return [a, join]
  }

  // scope makes a sub-process; last is an end event that it may come to instead of its own.
  scope(to, depth, { last = '', many = false } = {}) {
    const id = this.id('sub'), inside = []
    this.many += many
    const [start] = this.element(inside, 'in', 'startEvent'), [end] = this.element(inside, 'out', 'endEvent'), [a, b] = this.block(inside, depth - 1)
    this.flow(inside, start, a)
    if (last) {
      const [which] = this.element(inside, 'x', 'exclusiveGateway'), [other] = this.element(inside, 'err', 'endEvent', last), when = this.one(['v == 0', 'v &lt; 2'])
      this.flow(inside, b, which)
      this.flow(inside, which, other, `\${${when}}`)
      this.flow(inside, which, end, `\${!(${when})}`)
    } else {
      this.flow(inside, b, end)
    }
    const loop = many ? this.instances() : ''
    this.many -= many
    to.push(`<subProcess id="${id}"${many ? '' : this.one(['', '', '', ' activiti:async="true"'])}>${loop}${inside.join('')}</subProcess>`)
    return [id, id]
  }

  failing(to, depth) {
    const [a, b] = this.scope(to, depth, { last: this.event('error') }), [join] = this.element(to, 'join', 'exclusiveGateway')
    this.flow(to, b, join)
    this.boundary(to, depth, b, 'error', join)
    return [a, join]
  }

  call(to, depth) {
    const id = this.id('call'), number = this.called.push('') - 1, inside = [], [a, b] = this.block(inside, depth - 1)
    inside.push(`<startEvent id="start${number}"/><endEvent id="end${number}"/>`)
    this.flow(inside, `start${number}`, a)
    this.flow(inside, b, `end${number}`)
    this.called[number] = `<process id="sub${number}" isExecutable="true">${inside.join('')}</process>`
    to.push(`<callActivity id="${id}" calledElement="sub${number}"${this.one(['', ' activiti:inheritVariables="true"'])}><extensionElements>` +
      '<activiti:in source="v" target="v"/><activiti:in source="items" target="items"/><activiti:out source="w" target="fromCall"/></extensionElements></callActivity>')
    return [id, id]
  }

  // again repeats a task while v is 0.
  again(to) {
    const [from] = this.element(to, 'join', 'exclusiveGateway'), [a, b] = this.task(to), which = this.id('x'), [until] = this.element(to, 'x', 'exclusiveGateway')
    to.push(`<exclusiveGateway id="${which}" default="d${which}"/>`)
    this.flow(to, from, a)
    this.flow(to, b, which)
    this.flow(to, which, from, '${v == 0}')
    this.flow(to, which, until, '', 'd' + which)
    return [from, until]
  }

  // several leaves a task by two flows.
  several(to, depth) {
    const [a, b] = this.task(to), [join] = this.element(to, 'join', this.one(['inclusive', 'exclusive', 'parallel']) + 'Gateway')
    for (let n = 0; n < 2; n++) {
      const [c, d] = this.block(to, depth - 1)
      this.flow(to, b, c)
      this.flow(to, d, join)
    }
    return [a, join]
  }

  block(to, depth) {
    if (depth <= 0) {
      return this.one([() => this.task(to), () => this.task(to), () => this.service(to), () => this.element(to, 'm', 'manualTask'),
        () => this.element(to, 'r', 'receiveTask'), () => this.caught(to), () => this.thrown(to)])()
    }
    const ways = [() => this.sequence(to, depth), () => this.sequence(to, depth), () => this.gateways(to, depth, 'parallel'), () => this.gateways(to, depth, 'exclusive'),
      () => this.gateways(to, depth, 'inclusive'), () => this.gateways(to, depth, this.one(['parallel', 'inclusive']), this.one(['exclusive', 'inclusive'])),
      () => this.task(to, this.instances()), () => this.guarded(to, depth), () => this.guarded(to, depth), () => this.scope(to, depth),
      () => this.scope(to, depth, { many: true }), () => this.failing(to, depth), () => this.again(to), () => this.several(to, depth), () => this.caught(to),
      () => this.scope(to, depth, { last: this.one(['<terminateEventDefinition/>', '<terminateEventDefinition activiti:terminateAll="true"/>']) })]
    if (!this.many) ways.push(() => this.eventGateway(to, depth), () => this.call(to, depth))
    return this.one(ways)()
  }
}

function process(seed, depth) {
  const m = new Maker(seed), elements = ['<startEvent id="start"/><endEvent id="end"/>'], [a, b] = m.block(elements, depth)
  m.flow(elements, 'start', a)
  m.flow(elements, b, 'end')
  const named = (kind, names) => [...names].sort().map(n => `<${kind} id="${n}" name="${n}"/>`).join('')
  return `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="random">
${named('signal', m.signals)}${named('message', m.messages)}<error id="E1" errorCode="E1"/>
<process id="p" isExecutable="true">
${elements.join('\n')}
</process>
${m.called.join('\n')}</definitions>
`
}

const [first, count, depth, directory] = globalThis.process.argv.slice(2)
mkdirSync(directory, { recursive: true })
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const file = join(directory, `r${seed}.bpmn20.xml`)
  writeFileSync(file, process(seed, Number(depth)))
  console.log(JSON.stringify({ id: `r${seed}`, files: [file], steps: [{ do: 'start', key: 'p', vars: { v: seed % 3, items: ['a', 'b'] } }], random: 14, seed }))
}
