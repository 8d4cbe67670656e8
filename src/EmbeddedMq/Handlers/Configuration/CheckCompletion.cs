using System.Collections.Frozen;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Adds to a bus what delayed second confirmation needs: names of types, consumers and queues.</summary>
internal static class CheckCompletion
{
    // Looking up and remembering are waits for a store, mostly.
    private const int Concurrency = 8;

    /// <summary>The plan with the callbacks under their types' names, checked.</summary>
    /// <param name="builder">What was said; <see langword="null"/>: nothing.</param>
    /// <param name="routes">The routes of the bus, which name the types.</param>
    /// <param name="errors">Where mistakes are noted.</param>
    internal static CheckPlan Complete(CheckBuilder? builder, IReadOnlyDictionary<Type, PublishRoute> routes, ConfigurationErrors errors)
    {
        if (builder is null)
        {
            return new CheckPlan();
        }

        if (builder.Callbacks.Count > 0 && !builder.Plan.HasService)
        {
            errors.Add("Producers are to be asked about messages, and no check service runs here. Add Service() to the checks, or leave out CallBack.");
        }

        Dictionary<string, CheckCallback> callbacks = new(StringComparer.Ordinal);
        foreach ((Type type, CheckCallback callback) in builder.Callbacks)
        {
            string name = routes.TryGetValue(type, out PublishRoute? route) ? route.TypeName : PublishRoute.NameOf(type);
            if (!callbacks.TryAdd(name, callback))
            {
                errors.Add($"Two types of checked messages have the name '{name}'. Give one of them another with Publish(p => p.Type(…)).");
            }
        }

        return builder.Plan with { Callbacks = callbacks.ToFrozenDictionary(StringComparer.Ordinal) };
    }

    /// <summary>The consumers of the bus with those of checks.</summary>
    /// <param name="consumers">The application's.</param>
    /// <param name="builder">What was said; <see langword="null"/>: nothing.</param>
    /// <param name="plan">The plan.</param>
    internal static IEnumerable<ConsumerPlan> WithConsumers(IEnumerable<ConsumerPlan> consumers, CheckBuilder? builder, CheckPlan plan)
    {
        foreach (ConsumerPlan consumer in consumers.Concat(builder?.Answers ?? []))
        {
            yield return consumer;
        }

        if (plan.HasService)
        {
            yield return new ConsumerPlan<CheckMessage>
            {
                Queue = plan.Queue,
                Concurrency = Concurrency,
                Retry = plan.Retry,
                DeadLetter = new DeadLetterTarget("", plan.FailedQueue),
                Read = CheckMessages.Read,
                Call = static (message, context, cancellationToken) =>
                {
                    ConsumerServices services = ((MessageContext)context).ConsumerServices;
                    return services.Checks!.HandleAsync(services, message, context, cancellationToken);
                },
            };
        }
    }

    /// <summary>A topology with the queues that checks go through.</summary>
    /// <param name="topology">The topology.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="builder">What was said; <see langword="null"/>: nothing.</param>
    /// <param name="routes">The routes of the bus.</param>
    /// <remarks>Whoever publishes checked messages declares the service's queue too: what expires towards a queue that is not there is gone.</remarks>
    internal static TopologyPlan WithQueues(TopologyPlan topology, CheckPlan plan, CheckBuilder? builder, IEnumerable<PublishRoute> routes)
    {
        HashSet<string> declared = [.. topology.Queues.Concat(topology.QueuesIfMissing).Select(static queue => queue.Name)];
        QueueDeclaration[] waiting =
        [
            .. routes.Select(static route => route.CheckDelay).OfType<TimeSpan>().Distinct()
                .Select(delay => new QueueDeclaration(CheckPlan.WaitQueue(plan.Queue, delay)).Durable().WithMessageTtl(delay).DeadLetterTo(plan.Queue))
                .Where(queue => declared.Add(queue.Name)),
        ];
        IEnumerable<string> others = (builder?.Answers ?? []).Select(static answer => answer.Queue);
        if (plan.HasService || waiting.Length > 0)
        {
            others = others.Append(plan.Queue);
        }

        return topology with
        {
            Queues = [.. topology.Queues, .. waiting],
            QueuesIfMissing = [.. topology.QueuesIfMissing, .. others.Where(declared.Add).Select(static name => new QueueDeclaration(name).Durable())],
        };
    }
}
