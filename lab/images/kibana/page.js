// Searches Elasticsearch, lists the events and draws how many there were when. Whatever an event says is shown as text.
const AGAIN_MS = 5_000;
const LIMIT_MS = 20_000;
const $ = (id) => document.getElementById(id);
let timer;
let running;

/** What is asked of Elasticsearch: its query string syntax, the newest events, and a histogram over their times. */
function request() {
  const text = $('query').value.trim();
  const from = $('range').value;
  const conditions = [
    ...(text === '' ? [] : [{ query_string: { query: text, default_operator: 'AND' } }]),
    ...(from === '' ? [] : [{ range: { '@timestamp': { gte: from } } }]),
  ];
  return {
    size: 100,
    track_total_hits: true,
    query: { bool: { filter: conditions } },
    sort: [{ '@timestamp': { order: 'desc', unmapped_type: 'date' } }],
    aggs: { times: { auto_date_histogram: { field: '@timestamp', buckets: 40 } } },
  };
}

async function search() {
  clearTimeout(timer);
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const limit = setTimeout(() => mine.abort(), LIMIT_MS);
  try {
    const answer = await fetch('es/search', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request()),
      signal: mine.signal,
    });
    if (running !== mine) return; // a newer search is running
    if (!answer.ok) throw new Error(await reasonOf(answer));
    show(await answer.json());
  } catch (error) {
    if (running !== mine) return;
    // What was found before stays: it is not gone because Elasticsearch is elsewhere for a moment.
    say(error.name === 'AbortError' ? `Elasticsearch did not answer within ${LIMIT_MS / 1000} s` : error.message, true);
  } finally {
    clearTimeout(limit);
    if (running === mine && $('again').checked) timer = setTimeout(search, AGAIN_MS);
  }
}

async function reasonOf(answer) {
  if (answer.status >= 500) return `Elasticsearch does not answer (${answer.status}); it may be moving`;
  const body = await answer.json().catch(() => ({}));
  return body.error?.root_cause?.[0]?.reason ?? `Elasticsearch says ${answer.status}`;
}

/** Only when it changes, so that a screen reader does not repeat it every few seconds. */
function say(text, bad = false) {
  if ($('status').textContent !== text) $('status').textContent = text;
  $('status').classList.toggle('bad', bad);
}

function show({ hits, aggregations }) {
  const { value } = hits.total;
  say(value === 1 ? '1 event' : `${value} events`);
  $('events').replaceChildren(...hits.hits.map(rowOf));
  draw(aggregations?.times?.buckets ?? [], aggregations?.times?.interval ?? '');
}

const timeOf = (text) => new Date(text).toLocaleString('sv-SE');

function rowOf({ _source: { '@timestamp': time, ...fields } }) {
  const row = document.createElement('tr');
  const when = row.insertCell().appendChild(document.createElement('time'));
  when.dateTime = time;
  when.textContent = timeOf(time);
  const what = row.insertCell();
  for (const [name, value] of Object.entries(fields)) {
    const field = what.appendChild(document.createElement('span'));
    field.className = 'field';
    field.appendChild(document.createElement('b')).textContent = `${name}: `;
    field.append(typeof value === 'string' ? value : JSON.stringify(value));
    what.append(' ');
  }
  return row;
}

const shape = (name, attributes, text) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

function draw(buckets, interval) {
  const [wide, high, bottom, top] = [800, 120, 100, 16];
  const most = Math.max(1, ...buckets.map(({ doc_count }) => doc_count));
  const step = wide / Math.max(buckets.length, 12);
  const bars = buckets.map(({ key_as_string, doc_count }, at) => {
    const height = ((bottom - top) * doc_count) / most;
    const bar = shape('rect', { x: at * step + 1, y: bottom - height, width: Math.max(1, step - 2), height });
    bar.append(shape('title', {}, `${timeOf(key_as_string)}: ${doc_count}`));
    return bar;
  });
  const texts = buckets.length === 0 ? [] : [shape('text', { x: 0, y: 12 }, `${most}`)];
  if (buckets.length > 0) texts.push(shape('text', { x: 0, y: high - 4 }, timeOf(buckets[0].key_as_string)));
  if (buckets.length > 1) {
    const last = { x: Math.min(wide, buckets.length * step), y: high - 4, 'text-anchor': 'end' };
    if (buckets.length * step > 320) texts.push(shape('text', last, timeOf(buckets.at(-1).key_as_string)));
  }
  $('histogram').replaceChildren(shape('line', { x1: 0, x2: wide, y1: bottom, y2: bottom }), ...bars, ...texts);
  const range =
    buckets.length === 0
      ? 'none'
      : `from ${timeOf(buckets[0].key_as_string)} to ${timeOf(buckets.at(-1).key_as_string)}, at most ${most} in ${interval}`;
  $('histogram').setAttribute('aria-label', `Events over time: ${range}`);
  $('caption').textContent = `Events over time${interval === '' ? '' : `, each bar ${interval}`}`;
}

$('search').addEventListener('submit', (event) => {
  event.preventDefault();
  search();
});
$('range').addEventListener('change', search);
$('again').addEventListener('change', search);
search();
