using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.Reliability.Tests.Redis;

/// <summary>A stop while Redis does not answer is over when the handlers' time is over, however patient the client of Redis is.</summary>
public sealed class RedisStopTests
{
    private const string Unhurried = ",asyncTimeout=3600000,syncTimeout=3600000";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stop_RedisGoesWhileAHandlerRuns_IsBoundedAndTellsOfTheMessage()
    {
        RedisServer.Require();
        await using RedisServer server = await RedisServer.StartAsync();
        await using Broker broker = await Broker.StartAsync(cancellationToken: Token);
        TaskCompletionSource handling = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
        MessageBusOptions options = new() { StopTimeout = TimeSpan.FromSeconds(1), StopGrace = TimeSpan.FromSeconds(1) };
        MessageBus bus = await MessageBus.StartAsync(
            broker,
            mq => mq
                .Topology(static t => t.Queue("q"))
                .Publish<string>(static p => p.ToQueue("q").MessageId(static text => text))
                .Idempotence(i => i.UseRedis(server.Configuration + Unhurried))
                .Consume<string>("q", async (_, _, _) =>
                {
                    handling.TrySetResult();
                    await gone.Task;
                }, static c => c.Idempotent()),
            options,
            cancellationToken: Token);
        await bus.Publisher.PublishAsync("m", cancellationToken: Token);
        await handling.Task.WithinPatienceAsync("the handler");
        await server.KillAsync();
        gone.SetResult();

        ConsumerStopReport report = Assert.Single(await bus.StopAsync(Token).AsTask().WithinPatienceAsync("the stop"));
        await bus.DisposeAsync().AsTask().WithinPatienceAsync("the end");

        Assert.Equal(1, report.Returned + report.Abandoned); // back in its queue, or left behind with the store: it is in the report either way
    }
}
