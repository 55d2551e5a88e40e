//! Opens calls and relays between their legs until it is ended: the server side of the RTP bench.
//!
//! `relay CALLS SECONDS REFLECTOR PHONE_BASE`: leg A of call n belongs to the phone at 127.0.0.1:PHONE_BASE+2n,
//! leg B to the reflector. Prints `LOCALPORT 127.0.0.1:PORT` per call for `rtpload send`.

use std::net::SocketAddr;
use std::time::Duration;

use media::{Command, Kind, Media, MediaConfig, OpenPort, Remote};
use runtime::Runtime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [calls, seconds, reflector, base] = arguments.as_slice() else {
        return Err("relay CALLS SECONDS REFLECTOR PHONE_BASE".into());
    };
    let (calls, base): (u64, u16) = (calls.parse()?, base.parse()?);
    let reflector: SocketAddr = reflector.parse()?;
    let runtime = Runtime::real();
    let (media, _events) = Media::start(MediaConfig::default(), &runtime)?;
    for call in 0..calls {
        let open = || media.open(OpenPort { kind: Kind::Audio, owner: call });
        let (a, b) = (open()?, open()?);
        let phone = base + 2 * u16::try_from(call)?;
        let remote = Remote::new(SocketAddr::new([127, 0, 0, 1].into(), phone));
        media.command(Command::SetRemote { port: a.id, remote });
        media.command(Command::SetRemote { port: b.id, remote: Remote::new(reflector) });
        media.command(Command::Connect { a: a.id, b: b.id });
        println!("{phone} 127.0.0.1:{}", a.rtp_port);
    }
    let seconds = Duration::from_secs(seconds.parse()?);
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        runtime.sleep(seconds).await;
        runtime.stop();
    });
    Ok(())
}
