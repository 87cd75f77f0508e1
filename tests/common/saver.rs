//! A desktop's screen saver: it can be told to stay away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mpris_server::zbus;
use zbus::blocking::{Connection, MessageIterator, connection::Builder};
use zbus::message::Type;

/// On a bus, until this is dropped.
pub struct Saver {
    connection: Connection,
    told: Arc<AtomicU32>,
}

impl Saver {
    /// Takes the name on the bus of this address.
    pub fn on(bus: &str) -> Self {
        let builder = Builder::address(bus).expect("an address");
        let builder = builder.name("org.freedesktop.ScreenSaver").expect("a name");
        let connection = builder.build().expect("a bus");
        let told = Arc::new(AtomicU32::new(0));
        let (answering, count) = (connection.clone(), told.clone());
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
                replied.expect("it waits for an answer");
            }
        });
        Self { connection, told }
    }

    /// How many want it to stay away.
    pub fn told(&self) -> u32 {
        self.told.load(Ordering::SeqCst)
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        let _ = self.connection.clone().close();
    }
}
