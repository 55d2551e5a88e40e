//! Writes recordings: one thread for all, behind a queue that never makes a media thread wait.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use runtime::Runtime;
use tokio::sync::mpsc;

use crate::resample::Rate;
use crate::tape::Recording;
use crate::{Event, PortId, Report, wav};

/// Samples that may wait for the disk, over all recordings: four minutes of one, or a second of 240.
const SAMPLES_MAX: usize = 4 * 1024 * 1024;
/// How soon the thread notices that the server stops.
const NAP: Duration = Duration::from_millis(500);
/// The longest recording, in bytes: what a WAV file can say.
const FILE_BYTES_MAX: u32 = u32::MAX - 1024;

/// A recording's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TapeId(u64);

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// How much sound is in it.
    pub duration: Duration,
    /// Sound that is missing in it, as the disk was too slow.
    pub missing: Duration,
    /// Why it ended before it was told to, or was never begun; what the file has is whole all the same.
    pub error: Option<String>,
}

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Job {
    Open(TapeId, Box<Open>),
    Samples(TapeId, Vec<i16>),
    Close(TapeId),
}

/// A file to be begun.
#[derive(Debug)]
pub(crate) struct Open {
    recording: Recording,
    rate: Rate,
    port: PortId,
    owner: u64,
}

/// The queue to the thread.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    queue: Mutex<Queue>,
    news: Condvar,
    begun: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    samples: usize,
    /// Samples that found no room, by recording.
    dropped: BTreeMap<TapeId, usize>,
}

impl Recorder {
    pub(crate) fn open(&self, recording: Recording, rate: Rate, port: PortId, owner: u64) -> TapeId {
        let id = TapeId(self.begun.fetch_add(1, Ordering::Relaxed));
        self.push(Job::Open(id, Box::new(Open { recording, rate, port, owner })));
        id
    }

    /// Puts a job in line; samples over the limit are left out and counted.
    pub(crate) fn push(&self, job: Job) {
        let mut queue = self.queue.lock();
        if let Job::Samples(id, samples) = &job {
            if samples.is_empty() {
                return;
            }
            if queue.samples + samples.len() > SAMPLES_MAX {
                metrics::counter!("carillon_media_recorded_samples_dropped_total")
                    .increment(samples.len() as u64);
                *queue.dropped.entry(*id).or_default() += samples.len();
                return;
            }
            queue.samples += samples.len();
        }
        queue.jobs.push_back(job);
        self.news.notify_one();
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        if queue.jobs.is_empty() {
            self.news.wait_for(&mut queue, NAP);
        }
        let job = queue.jobs.pop_front()?;
        if let Job::Samples(_, samples) = &job {
            queue.samples -= samples.len();
        }
        Some(job)
    }

    /// The thread: writes until the runtime stops and nothing is left.
    pub(crate) fn run(&self, runtime: &Runtime, events: &mpsc::Sender<Event>) {
        let mut tapes = BTreeMap::new();
        loop {
            match self.next() {
                Some(Job::Open(id, open)) => {
                    tapes.insert(id, Reel::begin(*open));
                }
                Some(Job::Samples(id, samples)) => {
                    if let Some(reel) = tapes.get_mut(&id) {
                        reel.write(&samples);
                    }
                }
                Some(Job::Close(id)) => {
                    if let Some(reel) = tapes.remove(&id) {
                        self.tell_end(id, reel, events);
                    }
                }
                None if runtime.is_stopping() => break,
                None => {}
            }
        }
        // What was not told to end has all that came, and a header that says so.
        for (id, reel) in tapes {
            self.tell_end(id, reel, events);
        }
    }

    fn tell_end(&self, id: TapeId, reel: Reel, events: &mpsc::Sender<Event>) {
        let dropped = self.queue.lock().dropped.remove(&id).unwrap_or(0);
        if events.try_send(reel.end(dropped)).is_err() {
            metrics::counter!("carillon_media_events_dropped_total").increment(1);
        }
    }
}

/// A file being written.
struct Reel {
    open: Open,
    file: Result<File, String>,
    data_bytes: u32,
}

impl Reel {
    fn begin(open: Open) -> Self {
        // What people said is for nobody else on the machine.
        let file = File::options().write(true).create_new(true).mode(0o600).open(&open.recording.path);
        let file = file.and_then(|mut file| {
            file.write_all(&wav::header(open.rate, open.recording.layout.channels(), 0))?;
            Ok(file)
        });
        Self { open, file: file.map_err(|cause| cause.to_string()), data_bytes: 0 }
    }

    fn write(&mut self, samples: &[i16]) {
        let Ok(file) = &mut self.file else { return };
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let outcome = match u32::try_from(bytes.len()).ok().and_then(|more| self.data_bytes.checked_add(more))
        {
            Some(total) if total < FILE_BYTES_MAX => file.write_all(&bytes).map(|()| self.data_bytes = total),
            _ => Err(std::io::Error::other("a WAV file has no room for more")),
        };
        if let Err(cause) = outcome.and_then(|()| self.say_length()) {
            tracing::error!(path = %self.open.recording.path.display(), %cause, "a recording cannot be written");
            self.file = Err(cause.to_string());
        }
    }

    /// Brings the header up to date, so that the file can be played though the program ends without closing it.
    fn say_length(&mut self) -> std::io::Result<()> {
        let Ok(file) = &mut self.file else { return Ok(()) };
        let header = wav::header(self.open.rate, self.open.recording.layout.channels(), self.data_bytes);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header)?;
        file.seek(SeekFrom::End(0)).map(|_| ())
    }

    fn end(self, dropped: usize) -> Event {
        let Self { open: Open { recording, rate, port, owner }, file, data_bytes } = self;
        let per_second = u64::from(rate.hertz()) * u64::from(recording.layout.channels());
        let duration = |samples: u64| Duration::from_micros(samples * 1_000_000 / per_second);
        let recorded = Recorded {
            path: recording.path,
            duration: duration(u64::from(data_bytes) / 2),
            missing: duration(dropped as u64),
            error: file.err(),
        };
        Event { port, owner, report: Report::Recorded(recorded) }
    }
}
