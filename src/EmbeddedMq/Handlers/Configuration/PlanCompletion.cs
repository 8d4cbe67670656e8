namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Fills in a consumer's defaults, and adds the queues that retries and dead-lettering need.</summary>
internal static class PlanCompletion
{
    // Each is a queue on the broker; more of them is a mistake in a backoff, such as a factor close to 1.
    private const int MaxRetryQueues = 32;
    private const int MaxConcurrency = 4_096;
    private const int MaxPrefetch = 65_535;

    /// <summary>A consumer's plan with settings and defaults filled in, and checked.</summary>
    /// <param name="plan">The plan as the code says it.</param>
    /// <param name="options">The settings.</param>
    /// <param name="queues">The queues that the topology declares.</param>
    /// <param name="errors">Where mistakes are noted.</param>
    internal static ConsumerPlan Complete(
        ConsumerPlan plan, MessageBusOptions options, IReadOnlyDictionary<string, QueueDeclaration> queues, ConfigurationErrors errors)
    {
        queues.TryGetValue(plan.Queue, out QueueDeclaration? queue);
        options.Consumers.TryGetValue(plan.Queue, out ConsumerSettings? settings);
        ConsumerPlan complete = plan with
        {
            Concurrency = settings?.Concurrency ?? plan.Concurrency,
            Prefetch = settings?.Prefetch ?? plan.Prefetch,
            DeadLetter = plan.DeadLetter ?? new DeadLetterTarget("", $"{plan.Queue}.error"),
            Retry = plan.Retry with { Wait = WaitOf(plan, queue) },
            IsQueueDurable = queue?.IsDurable ?? true,
        };

        string owner = $"of the consumer of queue '{plan.Queue}'";
        errors.CheckRange($"The concurrency {owner}", complete.Concurrency, 1, MaxConcurrency);
        errors.CheckRange($"The prefetch {owner}", complete.EffectivePrefetch, Math.Max(1, complete.Concurrency), MaxPrefetch);
        if (complete.DeadLetter == new DeadLetterTarget("", plan.Queue))
        {
            errors.Add($"The dead-letter destination {owner} is that queue itself: failed messages would come back for ever. Name another.");
        }

        if (complete.Retry.Wait == RetryWait.Queue && complete.Retry.Delays().Count() > MaxRetryQueues)
        {
            errors.Add($"The retry rules {owner} have more than {MaxRetryQueues} distinct delays, each of which is a queue. Use fewer, or wait in the consumer.");
        }

        return complete;
    }

    /// <summary>Checks the settings that concern no single consumer.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="errors">Where mistakes are noted.</param>
    internal static void CheckOptions(MessageBusOptions options, ConfigurationErrors errors)
    {
        TimeSpan least = TimeSpan.FromMilliseconds(1);
        errors.CheckRange(nameof(MessageBusOptions.StopTimeout), options.StopTimeout ?? least, least, Backoff.MaxDelay);
        errors.CheckRange(nameof(MessageBusOptions.StopGrace), options.StopGrace ?? TimeSpan.Zero, TimeSpan.Zero, Backoff.MaxDelay);
        errors.CheckRange(nameof(MessageBusOptions.RequestTimeout), options.RequestTimeout, least, Backoff.MaxDelay);
        errors.CheckRange(nameof(MessageBusOptions.RestartDelay), options.RestartDelay, least, Backoff.MaxDelay);
        errors.CheckRange(nameof(MessageBusOptions.MaxRestartDelay), options.MaxRestartDelay, options.RestartDelay, Backoff.MaxDelay);
    }

    /// <summary>Checks what concerns several consumers.</summary>
    /// <param name="consumers">The consumers.</param>
    /// <param name="options">The settings.</param>
    /// <param name="errors">Where mistakes are noted.</param>
    internal static void CheckTogether(IReadOnlyList<ConsumerPlan> consumers, MessageBusOptions options, ConfigurationErrors errors)
    {
        foreach (IGrouping<string, ConsumerPlan> group in consumers.GroupBy(static consumer => consumer.Queue, StringComparer.Ordinal))
        {
            if (group.Count() > 1)
            {
                errors.Add($"Queue '{group.Key}' is consumed {group.Count()} times, so each of its messages would reach one of the handlers only. " +
                    "Bind a queue of its own for each handler, or raise the concurrency of one.");
            }
        }

        foreach (string queue in options.Consumers.Keys.Except(consumers.Select(static consumer => consumer.Queue), StringComparer.Ordinal))
        {
            errors.Add($"There are settings for a consumer of queue '{queue}', and no such consumer. Correct the name in the section Consumers.");
        }
    }

    /// <summary>A topology with the queues that the consumers' retries and dead-lettering need.</summary>
    /// <param name="topology">The topology that the application declares.</param>
    /// <param name="consumers">The consumers, complete.</param>
    internal static TopologyPlan WithSupportingQueues(TopologyPlan topology, IReadOnlyList<ConsumerPlan> consumers)
    {
        HashSet<string> declared = [.. topology.Queues.Select(static queue => queue.Name)];
        List<QueueDeclaration> retryQueues = [];
        List<QueueDeclaration> deadLetterQueues = [];
        foreach (ConsumerPlan consumer in consumers)
        {
            if (consumer.Retry.Wait == RetryWait.Queue)
            {
                retryQueues.AddRange(consumer.Retry.Delays().Select(delay => RetryQueue(consumer, delay)).Where(queue => declared.Add(queue.Name)));
            }

            if (consumer.DeadLetter is { Exchange: "" } target && declared.Add(target.RoutingKey))
            {
                deadLetterQueues.Add(new QueueDeclaration(target.RoutingKey).Durable());
            }
        }

        return topology with { Queues = [.. topology.Queues, .. retryQueues], QueuesIfMissing = deadLetterQueues };
    }

    private static QueueDeclaration RetryQueue(ConsumerPlan consumer, TimeSpan delay)
        => new QueueDeclaration(consumer.RetryQueue(delay)) { IsDurable = consumer.IsQueueDurable }
            .WithMessageTtl(delay)
            .DeadLetterTo(consumer.Queue);

    // What expires in a retry queue is dead-lettered, and a dead letter that its queue refuses is gone.
    private static bool MayRefuse(QueueDeclaration? queue)
        => queue?.Arguments.GetValueOrDefault(QueueArgument.Overflow) is string overflow && overflow != Overflow.DropHead.ToArgument();

    private static RetryWait WaitOf(ConsumerPlan plan, QueueDeclaration? queue) => plan.Retry.Wait switch
    {
        RetryWait.Auto when plan.KeepsKeyOrder || queue is { IsExclusive: true } or { IsAutoDelete: true } || MayRefuse(queue) => RetryWait.Consumer,
        RetryWait.Auto => RetryWait.Queue,
        RetryWait wait => wait,
    };
}
