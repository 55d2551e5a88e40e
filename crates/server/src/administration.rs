//! What administrators order with a chat client (XEP-0133): the operations of the verbs.

use futures::future::BoxFuture;
use im::Order;
use model::BareJid;
use operations::{By, Context, Failure, How, NewUser, Request, Secret, perform_as};

/// Carries out orders over the operations.
pub struct Administration(pub Context);

impl im::Administration for Administration {
    fn carry_out(&self, by: &BareJid, order: Order) -> BoxFuture<'_, Result<(), String>> {
        let by = By { who: by.to_string(), how: How::Chat, address: String::new() };
        Box::pin(async move {
            for request in requests(order) {
                let done = perform_as(&self.0, &by, request, &|_| {}).await;
                done.map_err(|failure: Failure| failure.message)?;
            }
            Ok(())
        })
    }
}

fn requests(order: Order) -> Vec<Request> {
    match order {
        Order::UserAdd { jid, name, password } => vec![Request::UserAdd(NewUser {
            jid,
            name,
            password: Some(Secret(password)),
            line: None,
            line_password: None,
        })],
        Order::UserDelete(jids) => jids.into_iter().map(|jid| Request::UserRemove { jid }).collect(),
        Order::UserSetEnabled(jids, enabled) => {
            jids.into_iter().map(|jid| Request::UserSetEnabled { jid, enabled }).collect()
        }
        Order::UserSetPassword { jid, password } => {
            vec![Request::UserSetPassword { jid, password: Some(Secret(password)) }]
        }
    }
}
