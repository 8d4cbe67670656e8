// Work queue: many tasks, one queue, several workers. A task goes to one worker; a worker takes one at a time, so a slow one gets fewer;
// what a worker had in hand when it broke off goes to another.
using System.Collections.Concurrent;
using EmbeddedMq;

const int TaskCount = 24;

await using IBroker broker = await Broker.StartAsync(new BrokerOptions());
await using IConnection connection = await broker.ConnectAsync(new ConnectionOptions { Name = "work-queue" });
await using IChannel office = await connection.OpenChannelAsync();
await office.DeclareQueueAsync("tasks", queue => queue.Durable());

ConcurrentDictionary<string, string> doneBy = new();
int redelivered = 0;
TaskCompletionSource allDone = new(TaskCreationOptions.RunContinuationsAsynchronously);

// The workers are there before the first task, so that each of them surely gets one.
List<IConsumer> consumers = [];
List<Task> workers = [await HireAsync("Ada", 2), await HireAsync("Bob", 8), await HireAsync("Eve", 2, breaksOff: true)];

List<Message> tasks = [];
for (int number = 1; number <= TaskCount; number++)
{
    tasks.Add(Message.Text($"task {number}", MessageProperties.Persistent));
}

// One wait for all confirms. A full queue would show here as Rejected instead of losing the task.
PublishResult[] results = await office.TryPublishBatchAsync("", "tasks", tasks, PublishFlags.Mandatory);
Console.WriteLine($"office  {results.Count(result => result.IsConfirmed)} of {TaskCount} tasks are in the queue");

await allDone.Task;
foreach (IConsumer consumer in consumers)
{
    await consumer.CancelAsync(); // ends the worker's loop
}

await Task.WhenAll(workers);

QueueDeclared left = await office.DeclareQueuePassiveAsync("tasks");
foreach (IGrouping<string, KeyValuePair<string, string>> share in doneBy.GroupBy(task => task.Value).OrderBy(share => share.Key))
{
    Console.WriteLine($"{share.Key,-7} did {share.Count()} tasks");
}

bool held = doneBy.Count == TaskCount && redelivered == 1 && left is { MessageCount: 0, ConsumerCount: 0 };
Console.WriteLine($"office  {doneBy.Count} tasks done, {redelivered} of them handed over twice, {left.MessageCount} left: {(held ? "as it should be" : "WRONG")}");
return held ? 0 : 1;

async Task<Task> HireAsync(string worker, int millisecondsPerTask, bool breaksOff = false)
{
    // A channel each: when one closes, only its own deliveries go back.
    IChannel channel = await connection.OpenChannelAsync();
    IConsumer consumer = await channel.StartConsumerAsync("tasks", new ConsumerOptions { ConsumerTag = worker, PrefetchCount = 1 });
    consumers.Add(consumer);
    return WorkAsync(worker, millisecondsPerTask, breaksOff, channel, consumer);
}

async Task WorkAsync(string worker, int millisecondsPerTask, bool breaksOff, IChannel channel, IConsumer consumer)
{
    await foreach (Delivery delivery in consumer.ReadAllAsync())
    {
        string task = delivery.Message.GetText();
        if (breaksOff)
        {
            Console.WriteLine($"{worker,-7} breaks off in the middle of {task}");
            await channel.CloseAsync(); // as a lost connection would: the task was not acknowledged, so it goes back
            return;
        }

        await Task.Delay(millisecondsPerTask);
        if (delivery.Redelivered)
        {
            Interlocked.Increment(ref redelivered);
            Console.WriteLine($"{worker,-7} takes over {task}");
        }

        await channel.AckAsync(delivery.DeliveryTag);
        doneBy[task] = worker;
        if (doneBy.Count == TaskCount)
        {
            allDone.TrySetResult();
        }
    }
}
