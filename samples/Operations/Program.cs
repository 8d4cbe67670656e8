// What an operator sees and does: virtual hosts, policies, counts, limits, a broker short of memory, connections and queues that go away.
// Everything an application runs into has a reply code and a text that says what to do.
using System.Text;
using EmbeddedMq;

int held = 0;
await using IBroker broker = await Broker.StartAsync(new BrokerOptions
{
    Name = "operations",
    MemoryHighWatermarkBytes = 256 * 1024,
    Limits = { MaxMessageBytes = 100 * 1024 },
});
IBrokerManagement management = broker.Management;

// Virtual hosts part the names of one application from those of another.
await management.CreateVirtualHostAsync("billing");
IConnection billing = await broker.ConnectAsync(new ConnectionOptions { VirtualHost = "billing", Name = "billing-service" });
IChannel channel = await billing.OpenChannelAsync();
await channel.DeclareQueueAsync("jobs.daily");
Expect("virtual hosts", (await management.ListQueuesAsync("/")).Count == 0, string.Join(" ", await management.ListVirtualHostsAsync()));

// A policy changes queues that exist and those to come, without touching the application.
HeaderTable definition = HeaderTable.Of("max-length", 2).With("overflow", Overflow.RejectPublish.ToArgument());
await management.SetPolicyAsync("billing", new Policy("bounded", "^jobs\\.", definition) { ApplyTo = PolicyTarget.Queues });
PublishResult[] results = await channel.TryPublishBatchAsync("", "jobs.daily", [Message.Text("a"), Message.Text("b"), Message.Text("c")]);
QueueDescription jobs = (await management.ListQueuesAsync("billing"))[0];
Expect(
    "policy",
    results[2].RejectReason == RejectReason.QueueFull && jobs is { Policy: "bounded", ReadyCount: 2, RejectedPublishTotal: 1 },
    $"'{jobs.Policy}' holds {jobs.Name} at {jobs.ReadyCount} messages; {jobs.RejectedPublishTotal} was refused");

// Limits: what is too large is refused with a text; the channel closes, nothing else does.
try
{
    await using IChannel greedy = await billing.OpenChannelAsync();
    await greedy.PublishAsync("", "jobs.daily", new Message(new byte[200 * 1024]));
}
catch (ChannelException error)
{
    Expect("limit", error.ReplyCode == ReplyCode.PreconditionFailed, error.Message);
}

// Short of memory: publishers wait, they are told why, and nothing is dropped. Room is made, and they go on.
await management.DeletePolicyAsync("billing", "bounded");
List<string> told = [];
TaskCompletionSource goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
billing.BlockedChanged += (_, change) =>
{
    told.Add(change.Reason ?? "goes on");
    if (!change.IsBlocked)
    {
        goesOn.TrySetResult();
    }
};
List<Task<PublishResult>> publishes = [];
for (int i = 0; i < 10; i++)
{
    publishes.Add(channel.TryPublishAsync("", "jobs.daily", new Message(new byte[50 * 1024])).AsTask());
}

int waiting = publishes.Count(publish => !publish.IsCompleted);
ConnectionDescription described = (await management.ListConnectionsAsync())[0];
await using (IChannel drain = await billing.OpenChannelAsync())
{
    while (publishes.Any(publish => !publish.IsCompleted))
    {
        await drain.GetAsync("jobs.daily", autoAck: true);
    }
}

PublishResult[] late = await Task.WhenAll(publishes);
await goesOn.Task;
Expect("memory", waiting > 0 && late.All(result => result.IsConfirmed) && told[0] == described.BlockedReason, $"{waiting} publishes waited, '{described.BlockedReason}'; then: {told[^1]}");

// A queue that is deleted ends its consumers; their channel lives on.
IConsumer consumer = await channel.StartConsumerAsync("jobs.daily");
await channel.DeleteQueueAsync("jobs.daily");
ConsumerEnd end = await consumer.Ended;
Expect("queue gone", end == ConsumerEnd.QueueGone && channel.IsOpen, $"the consumer ended: {end}");

// An operator closes a connection, and then the whole virtual host.
await management.CloseConnectionsAsync("billing-service", "moving house");
CloseReason reason = await billing.Closed;
Expect("closed", reason.Initiator == CloseInitiator.Broker && !channel.IsOpen, reason.ToString());
await management.DeleteVirtualHostAsync("billing");
try
{
    await broker.ConnectAsync(new ConnectionOptions { VirtualHost = "billing" });
}
catch (ConnectionException error)
{
    Expect("no such host", error.ReplyCode == ReplyCode.NotAllowed, error.Message);
}

// A definitions file with mistakes: all of them are told, and nothing is declared.
using MemoryStream file = new(Encoding.UTF8.GetBytes("""
    {
      "vhosts": [{ "name": "/" }],
      "queues": [{ "name": "fine", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {} },
                 { "name": "odd", "vhost": "/", "durable": true, "auto_delete": false, "arguments": { "x-max-length": -1 } }],
      "exchanges": [{ "name": "odd", "vhost": "/", "type": "circular", "durable": true, "auto_delete": false, "internal": false, "arguments": {} }]
    }
    """));
try
{
    await management.ImportDefinitionsAsync(file);
}
catch (DefinitionsException error)
{
    Expect("definitions", error.Errors.Count == 2 && (await management.ListQueuesAsync("/")).Count == 0, string.Join(Environment.NewLine + new string(' ', 15), error.Errors));
}

Console.WriteLine(held == 8 ? "Eight things an operator meets, each as expected." : $"WRONG: only {held} of 8 were as expected.");
return held == 8 ? 0 : 1;

void Expect(string what, bool holds, string seen)
{
    held += holds ? 1 : 0;
    Console.WriteLine($"{what,-14} {seen}{(holds ? "" : " WRONG")}");
}
