// Reads a trace of Chromium: how long the main thread of the page worked for each frame.

/** Milliseconds of its processor between the beginnings of frames, sorted. `dur`, `tdur` and `ts` are microseconds. */
export function mainThread({ traceEvents }) {
  const begins = traceEvents.filter(one => one.name === 'WebFrameWidgetImpl::BeginMainFrame');
  const busiest = new Map();
  for (const one of begins) busiest.set(`${one.pid}/${one.tid}`, (busiest.get(`${one.pid}/${one.tid}`) ?? 0) + 1);
  const [thread] = [...busiest].toSorted((one, other) => other[1] - one[1])[0] ?? [];
  const here = one => `${one.pid}/${one.tid}` === thread;
  const times = begins.filter(here).map(one => one.ts).toSorted((one, other) => one - other);
  const tasks = traceEvents.filter(one => here(one) && one.ph === 'X' && (one.name === 'RunTask' || one.name === 'ThreadControllerImpl::RunTask'));
  const outer = tasks.some(one => one.name === 'RunTask') ? tasks.filter(one => one.name === 'RunTask') : tasks;
  const work = Array.from({ length: times.length }, () => 0);
  let at = 0;
  for (const task of outer.toSorted((one, other) => one.ts - other.ts)) {
    while (at + 1 < times.length && times[at + 1] < task.ts + task.dur) at += 1;
    if (times[at] !== undefined && task.ts + task.dur >= times[at]) work[at] += (task.tdur ?? task.dur) / 1000;
  }
  return work.toSorted((one, other) => one - other);
}
