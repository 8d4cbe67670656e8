// Publisher confirms: what the broker says of each publish, and how not to wait for one at a time. Confirmed means that the broker has
// taken responsibility; every other outcome is an exception or a value, never silence.
using EmbeddedMq;

const int MessageCount = 1_000;
int published = 0, confirmed = 0, returned = 0, rejected = 0;

await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
await using IConnection connection = await broker.ConnectAsync();
await using IChannel channel = await connection.OpenChannelAsync(); // ChannelMode.Confirm is the default
await channel.DeclareQueueAsync("inbox");

// 1. One at a time: simple, and each waits for the one before.
for (int i = 0; i < MessageCount; i++)
{
    Count(await channel.TryPublishAsync("", "inbox", Message.Text($"one at a time {i}")));
}

Console.WriteLine($"one at a time   {confirmed} confirmed");

// 2. A window: up to 100 publishes wait for their confirm at once.
Queue<Task<PublishResult>> window = new();
for (int i = 0; i < MessageCount; i++)
{
    if (window.Count == 100)
    {
        Count(await window.Dequeue());
    }

    window.Enqueue(channel.TryPublishAsync("", "inbox", Message.Text($"in a window {i}")).AsTask());
}

while (window.TryDequeue(out Task<PublishResult>? publish))
{
    Count(await publish);
}

Console.WriteLine($"in a window     {confirmed} confirmed");

// 3. A batch: in order, with one wait.
Message[] batch = [.. Enumerable.Range(0, MessageCount).Select(i => Message.Text($"in a batch {i}"))];
foreach (PublishResult result in await channel.TryPublishBatchAsync("", "inbox", batch))
{
    Count(result);
}

Console.WriteLine($"in a batch      {confirmed} confirmed");

// 4. No queue takes it: a mandatory message comes back, and PublishAsync throws.
Message? cameBack = null;
channel.MessageReturned += (_, message) => cameBack = message.Message;
try
{
    published++;
    await channel.PublishAsync("", "nobody", Message.Text("is anyone there?"), PublishFlags.Mandatory);
}
catch (PublishException error) when (error.Result.Outcome == PublishOutcome.Returned)
{
    returned++;
    Console.WriteLine($"mandatory       {error.Message}");
}

// 5. A full queue refuses, and the publisher is told.
await channel.DeclareQueueAsync("two-places", queue => queue.MaxLength(2, Overflow.RejectPublish));
for (int i = 0; i < 3; i++)
{
    PublishResult result = await channel.TryPublishAsync("", "two-places", Message.Text($"place {i}"));
    Count(result);
    Console.WriteLine($"reject-publish  {result.Outcome}{(result.RejectReason == RejectReason.None ? "" : $", {result.RejectReason}")}");
}

// 6. A full queue that makes the publisher wait instead: the peak is smoothed, nothing is refused.
await channel.DeclareQueueAsync("one-place", queue => queue.MaxLength(1, Overflow.BlockPublisher));
Count(await channel.TryPublishAsync("", "one-place", Message.Text("first")));
Task<PublishResult> waiting = channel.TryPublishAsync("", "one-place", Message.Text("second")).AsTask();
bool waitedForRoom = !waiting.IsCompleted;
await channel.GetAsync("one-place", autoAck: true); // makes room
Count(await waiting);
Console.WriteLine($"block-publisher waited for room: {waitedForRoom}");

// 7. Transactions, AMQP's older way: nothing is visible before the commit.
await using IChannel transactional = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
await channel.DeclareQueueAsync("ledger");
await transactional.PublishAsync("", "ledger", Message.Text("a booking that is taken back"));
await transactional.RollbackTransactionAsync();
await transactional.PublishAsync("", "ledger", Message.Text("debit"));
await transactional.PublishAsync("", "ledger", Message.Text("credit"));
uint beforeCommit = (await channel.DeclareQueuePassiveAsync("ledger")).MessageCount;
await transactional.CommitTransactionAsync();
uint afterCommit = (await channel.DeclareQueuePassiveAsync("ledger")).MessageCount;
Console.WriteLine($"transaction     {beforeCommit} messages before the commit, {afterCommit} after it");

// 8. An error of the application's closes its channel, and only that one.
IChannel careless = await connection.OpenChannelAsync();
try
{
    await careless.PublishAsync("no-such-exchange", "key", Message.Text("lost?"));
}
catch (ChannelException error) when (error.ReplyCode == ReplyCode.NotFound)
{
    Console.WriteLine($"channel error   {error.Message}");
}

CloseReason reason = await careless.Closed;
Console.WriteLine($"                closed by the {reason.Initiator}; the others are open: {channel.IsOpen && transactional.IsOpen}");

bool held = published == confirmed + returned + rejected
    && (confirmed, returned, rejected) == ((3 * MessageCount) + 4, 1, 1)
    && (await channel.DeclareQueuePassiveAsync("inbox")).MessageCount == 3 * MessageCount
    && cameBack?.GetText() == "is anyone there?"
    && waitedForRoom
    && (beforeCommit, afterCommit) == (0u, 2u)
    && reason is { Initiator: CloseInitiator.Broker, ReplyCode: ReplyCode.NotFound }
    && channel.IsOpen;
Console.WriteLine();
Console.WriteLine($"{published} published = {confirmed} confirmed + {returned} returned + {rejected} rejected{(held ? "" : ": WRONG")}");
return held ? 0 : 1;

void Count(PublishResult result)
{
    published++;
    switch (result.Outcome)
    {
        case PublishOutcome.Confirmed:
            confirmed++;
            break;
        case PublishOutcome.Returned:
            returned++;
            break;
        case PublishOutcome.Rejected:
            rejected++;
            break;
        default:
            throw new InvalidOperationException($"An outcome of its own: {result}.");
    }
}
