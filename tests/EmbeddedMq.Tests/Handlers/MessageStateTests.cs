using EmbeddedMq.Handlers.States;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.Tests.Handlers;

public sealed class MessageStateTests
{
    [Theory]
    [InlineData(null, "", null, MessageStage.Unknown)]
    [InlineData(OutboxStatus.Pending, "", null, MessageStage.Stored)]
    [InlineData(OutboxStatus.Sent, "", null, MessageStage.Sent)]
    [InlineData(OutboxStatus.Confirmed, "", null, MessageStage.Confirmed)]
    [InlineData(OutboxStatus.Failed, "", null, MessageStage.Failed)]
    [InlineData(OutboxStatus.Sent, "Claimed", null, MessageStage.Confirmed)]
    [InlineData(OutboxStatus.Failed, "Processed", null, MessageStage.Processed)]
    [InlineData(OutboxStatus.Confirmed, "Processed Failed", null, MessageStage.Failed)]
    [InlineData(null, "Processed Claimed", null, MessageStage.Processed)]
    [InlineData(null, "", IdempotenceState.Processed, MessageStage.Processed)]
    [InlineData(OutboxStatus.Pending, "", IdempotenceState.Claimed, MessageStage.Stored)]
    public void Stage_OfWhatIsKnown_IsTheFurthest(OutboxStatus? stored, string consumers, IdempotenceState? check, MessageStage expected)
        => Assert.Equal(expected, MessageStates.Judge(stored, [.. consumers.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Enum.Parse<IdempotenceState>)], check));

    [Fact]
    public async Task Host_DefaultAndNamedBroker_HaveStatesOfTheirOwn()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using IHost host = new HostBuilder()
            .ConfigureServices(static services =>
            {
                services.AddEmbeddedMq(static mq => mq.Publish<Order>(static p => p.ToQueue("q")).Outbox(static o => o.WithoutRelay()));
                services.AddEmbeddedMq("other");
            })
            .Build();
        await host.StartAsync(token);

        string id = await host.Services.GetRequiredService<IOutbox>().AddAsync(new Order("1"), cancellationToken: token);

        Assert.Equal(MessageStage.Stored, (await host.Services.GetRequiredService<IMessageStates>().FindAsync(id, token)).Stage);
        Assert.Equal(MessageStage.Unknown, (await host.Services.GetRequiredKeyedService<IMessageStates>("other").FindAsync(id, token)).Stage);
        await host.StopAsync(token);
    }
}
