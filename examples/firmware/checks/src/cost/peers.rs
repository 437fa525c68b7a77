//! What the peers cost that do no more than move 64 bytes, aligned to 4.

use core::cell::RefCell;
use core::hint::black_box;

use critical_section::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::pubsub::PubSubChannel;
use heapless::Deque;

use super::Tell;
use super::lock::Ruler;

#[derive(Clone, Copy)]
#[repr(C, align(4))]
struct Message([u8; 64]);

static CHANNEL: Channel<CriticalSectionRawMutex, Message, 32> = Channel::new();
static DEQUE: Mutex<RefCell<Deque<Message, 32>>> = Mutex::new(RefCell::new(Deque::new()));
static PUBSUB: PubSubChannel<CriticalSectionRawMutex, Message, 32, 4, 2> = PubSubChannel::new();

/// Sending, and taking out.
#[inline(never)]
pub(super) fn all(tell: Tell) {
    let tell = |what, work: &dyn Fn()| {
        let cost = CriticalSectionRawMutex::measure(work);
        tell(format_args!("{what}, {}", CriticalSectionRawMutex::UNIT), cost);
    };
    let message = || black_box(Message([1; 64]));
    tell("peer Channel, send", &|| {
        let _ = black_box(CHANNEL.try_send(message()));
    });
    tell("peer Channel, receive", &|| {
        let _ = black_box(CHANNEL.try_receive());
    });
    let deque = |work: &dyn Fn(&mut Deque<Message, 32>)| {
        critical_section::with(|cs| {
            if let Ok(mut deque) = DEQUE.borrow(cs).try_borrow_mut() {
                work(&mut deque);
            }
        });
    };
    let send = |deque: &mut Deque<Message, 32>| {
        let _ = deque.push_back(message());
    };
    let receive = |deque: &mut Deque<Message, 32>| {
        let _ = black_box(deque.pop_front());
    };
    tell("peer Deque, send", &|| deque(&send));
    tell("peer Deque, receive", &|| deque(&receive));
    let publisher = PUBSUB.immediate_publisher();
    let reader = RefCell::new(PUBSUB.subscriber().ok());
    tell("peer PubSubChannel, send", &|| publisher.publish_immediate(message()));
    tell("peer PubSubChannel, receive", &|| {
        if let Ok(mut reader) = reader.try_borrow_mut()
            && let Some(reader) = &mut *reader
        {
            black_box(reader.try_next_message_pure());
        }
    });
}
