//! Screen saver service of a desktop, which programs can inhibit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mpris_server::zbus;
use zbus::blocking::{Connection, MessageIterator, connection::Builder};
use zbus::message::Type;

/// The service on a bus, until it is dropped.
pub struct Saver {
    connection: Connection,
    inhibitors: Arc<AtomicU32>,
}

impl Saver {
    /// Registers on the bus at an address.
    pub fn on(bus: &str) -> Self {
        let builder = Builder::address(bus).expect("an address");
        let builder = builder.name("org.freedesktop.ScreenSaver").expect("a name");
        let connection = builder.build().expect("a bus");
        let inhibitors = Arc::new(AtomicU32::new(0));
        let (answering, count) = (connection.clone(), inhibitors.clone());
        std::thread::spawn(move || {
            for message in MessageIterator::from(&answering).map_while(Result::ok) {
                let header = message.header();
                if header.message_type() != Type::MethodCall {
                    continue;
                }
                let replied = match header.member().map(|member| member.as_str()) {
                    Some("Inhibit") => {
                        let _ = count.fetch_add(1, Ordering::SeqCst);
                        answering.reply(&header, &7_u32)
                    }
                    Some("UnInhibit") => {
                        let _ = count.fetch_sub(1, Ordering::SeqCst);
                        answering.reply(&header, &())
                    }
                    _ => continue,
                };
                replied.expect("caller waits for the reply");
            }
        });
        Self {
            connection,
            inhibitors,
        }
    }

    /// Number of active inhibitors.
    pub fn inhibitors(&self) -> u32 {
        self.inhibitors.load(Ordering::SeqCst)
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        let _ = self.connection.clone().close();
    }
}
