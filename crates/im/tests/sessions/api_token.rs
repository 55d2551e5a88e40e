//! Tokens of the programming interface: whom they stand for, and what ends them.

use std::time::Duration;

use im::TokenRefused;

use crate::client::Client;
use crate::foundation::records;
use crate::house::House;

const ASK: &str = "<iq type='get' id='t' to='localhost'><token xmlns='urn:carillon:api:0'/></iq>";

async fn token(client: &mut Client<'_>) -> String {
    let answer = client.ask("t", ASK).await;
    let token = answer.child("token", "urn:carillon:api:0").expect("a token");
    assert!(token.attr("expires").is_some_and(|end| end.ends_with('Z')));
    token.text()
}

async fn holder(house: &House, token: &str) -> Result<String, TokenRefused> {
    house.wait(house.im.token_holder(token)).await.map(|holder| holder.user.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_token_stands_for_its_user_for_an_hour_and_longer_than_the_session() {
    let house = House::open().await;
    let mut ann = house.available("ann", "web").await;
    let (first, second) = (token(&mut ann).await, token(&mut ann).await);
    assert_eq!(holder(&house, &first).await.as_deref(), Ok("ann@localhost"));
    assert_eq!(holder(&house, "nonsense").await, Err(TokenRefused::Wrong));
    assert!(house.im.end_token(&second) && !house.im.end_token(&second));
    assert_eq!(holder(&house, &second).await, Err(TokenRefused::Wrong));
    ann.lose();
    house.pass(Duration::from_secs(3_590)).await;
    assert_eq!(holder(&house, &first).await.as_deref(), Ok("ann@localhost"));
    house.pass(Duration::from_secs(11)).await;
    assert_eq!(holder(&house, &first).await, Err(TokenRefused::Wrong));
}

#[tokio::test(start_paused = true)]
async fn tokens_end_with_another_password_and_with_the_account() {
    let house = House::open().await;
    let (mut ann, mut bob) = (house.available("ann", "web").await, house.available("bob", "web").await);
    let (of_ann, of_bob) = (token(&mut ann).await, token(&mut bob).await);
    let jid = "ann@localhost".parse().expect("an address");
    house
        .wait(house.store.user_set_credentials(&jid, records("another", 4_096)))
        .await
        .expect("ann is there");
    assert_eq!(holder(&house, &of_ann).await, Err(TokenRefused::Wrong));
    let bob = "bob@localhost".parse().expect("an address");
    assert_eq!(holder(&house, &of_bob).await.as_deref(), Ok("bob@localhost"));
    // Whoever disables accounts tells messaging behind it; a token is refused before that.
    house.wait(house.store.user_set_enabled(&bob, false)).await.expect("bob is there");
    assert_eq!(holder(&house, &of_bob).await, Err(TokenRefused::Wrong));
    house.wait(house.store.user_set_enabled(&bob, true)).await.expect("bob is there");
    assert_eq!(holder(&house, &of_bob).await, Err(TokenRefused::Wrong), "it does not come back");
}

#[tokio::test(start_paused = true)]
async fn all_tokens_of_a_user_who_is_disabled_end() {
    let house = House::open().await;
    let mut ann = house.available("ann", "web").await;
    let token = token(&mut ann).await;
    house.im.disable(&"ann@localhost".parse().expect("an address"));
    assert_eq!(holder(&house, &token).await, Err(TokenRefused::Wrong));
}
