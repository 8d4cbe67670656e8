using System.Text.Json;
using EmbeddedMq;

namespace WebhookRelay;

/// <summary>What the relay registers with the broker; the same for the server and for a replay.</summary>
/// <remarks>GitHub's delivery id is the message's id, and every consumer is idempotent: a delivery that GitHub repeats, or that is published again because
/// its 202 got lost, takes effect once in each queue. One of the same id with another payload is dead-lettered as a conflict.</remarks>
internal static class Relay
{
    private const string Exchange = "webhooks";
    private const int MaxArchived = 100_000;

    /// <param name="services">The application's services.</param>
    /// <param name="whenFull">What becomes of a webhook when the archive holds as many as it may. The server refuses it, and GitHub shows it
    /// as failed and can repeat it; a replay waits for room.</param>
    public static IServiceCollection AddRelay(this IServiceCollection services, Overflow whenFull)
    {
        services.AddSingleton<Tally>();
        services.AddEmbeddedMq(mq => mq
            .UseJson(RelayJson.Default)
            .Topology(topology => DeclareQueues(topology, whenFull))
            .Publish<Webhook<JsonElement>>(route => route
                .To(Exchange, RoutingKey.Of)
                .Mandatory()
                .MessageId(webhook => webhook.Id)
                .Type("github-webhook")
                .Header("X-GitHub-Delivery", webhook => webhook.Id)
                .Header("X-GitHub-Event", webhook => webhook.Event))
            .Consume<Webhook<CodePayload>, CodeHandler>(RelayQueue.Code.Name, consumer => consumer
                .Idempotent()
                .Concurrency(4)
                .KeyBy(webhook => webhook.Repository ?? "") // pushes to one repository stay in order
                .DeadLetterTo(RelayQueue.DeadLetters))
            .Consume<Webhook<TriagePayload>, TriageHandler>(RelayQueue.Triage.Name, ToDeadLetters)
            .Consume<Webhook<BuildPayload>, BuildHandler>(RelayQueue.Builds.Name, ToDeadLetters)
            .Consume<Webhook<SecurityPayload>, SecurityHandler>(RelayQueue.Security.Name, ToDeadLetters)
            .Consume<Webhook<JsonElement>>(RelayQueue.Archive.Name, CountAsync, ToDeadLetters)
            .Consume<Webhook<JsonElement>>(RelayQueue.HelloWorld.Name, CountAsync, ToDeadLetters)
            .Consume<Webhook<JsonElement>>(RelayQueue.Accounts.Name, CountAsync, ToDeadLetters));
        return services;
    }

    private static void DeclareQueues(ITopologyBuilder topology, Overflow whenFull)
    {
        topology.Exchange(Exchange, ExchangeType.Topic, exchange => exchange.Durable());
        topology.Queue(RelayQueue.DeadLetters, queue => queue.Durable());
        foreach (RelayQueue queue in RelayQueue.All)
        {
            topology.Queue(queue.Name, declaration => queue == RelayQueue.Archive
                ? declaration.Durable().MaxLength(MaxArchived, whenFull)
                : declaration.Durable());
            foreach (string key in queue.BindingKeys)
            {
                topology.Bind(queue.Name, Exchange, key);
            }
        }
    }

    private static ValueTask CountAsync(Webhook<JsonElement> webhook, IMessageContext context, CancellationToken cancellationToken)
    {
        context.Services.GetRequiredService<Tally>().Add(context.Queue, webhook.Event, webhook.Id);
        return ValueTask.CompletedTask;
    }

    private static void ToDeadLetters<T>(IConsumerBuilder<T> consumer) => consumer.Idempotent().DeadLetterTo(RelayQueue.DeadLetters);
}
