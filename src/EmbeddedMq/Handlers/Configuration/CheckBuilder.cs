using System.Diagnostics.CodeAnalysis;
using System.Text;
using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Consuming;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects who records confirmations, and who is asked about messages that have none.</summary>
/// <param name="owner">The builder that it belongs to; it registers handler classes.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class CheckBuilder(BusBuilder owner, ConfigurationErrors errors) : ICheckBuilder
{
    private const int MaxQueueBytes = 200;
    private const int MaxMaxAttempts = 1_000;

    private readonly Dictionary<Type, CheckCallback> _callbacks = [];
    private readonly List<ConsumerPlan<CheckMessage>> _answers = [];

    /// <summary>The plan so far, without the callbacks.</summary>
    public CheckPlan Plan { get; private set; } = new();

    /// <summary>Whom the service asks, by the messages' type.</summary>
    public IReadOnlyDictionary<Type, CheckCallback> Callbacks => _callbacks;

    /// <summary>The consumers that answer services elsewhere.</summary>
    public IReadOnlyList<ConsumerPlan<CheckMessage>> Answers => _answers;

    /// <inheritdoc/>
    public ICheckBuilder Queue(string queue)
    {
        errors.CheckName("queue", queue);
        if (queue is not null && Encoding.UTF8.GetByteCount(queue) > MaxQueueBytes)
        {
            errors.Add($"The name '{queue}' of the queue of the check service is longer than {MaxQueueBytes} bytes of UTF-8. Shorten it: names of other queues are made of it.");
        }

        Plan = Plan with { Queue = queue! };
        return this;
    }

    /// <inheritdoc/>
    public ICheckBuilder Service()
    {
        Plan = Plan with { HasService = true };
        return this;
    }

    /// <inheritdoc/>
    public ICheckBuilder CallBack<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        where THandler : class, ICheckHandler<T>
    {
        owner.AddCheckHandler<THandler>();
        return CallBack<T>(AskClass<T, THandler>);
    }

    /// <inheritdoc/>
    public ICheckBuilder CallBack<T>(Func<MessageCheck, IMessageContext, CancellationToken, ValueTask<CheckAnswer<T>>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Add<T>((services, message, context, cancellationToken) => AskAsync(handler, services, message, context, cancellationToken));
    }

    /// <inheritdoc/>
    public ICheckBuilder CallBackTo<T>(string queue)
    {
        errors.CheckName("queue", queue);
        return Add<T>((services, message, _, cancellationToken) => services.Publisher.AskAsync(queue, message, cancellationToken));
    }

    /// <inheritdoc/>
    public ICheckBuilder Answer<T, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(string queue)
        where THandler : class, ICheckHandler<T>
    {
        owner.AddCheckHandler<THandler>();
        return Answer<T>(queue, AskClass<T, THandler>);
    }

    /// <inheritdoc/>
    public ICheckBuilder Answer<T>(string queue, Func<MessageCheck, IMessageContext, CancellationToken, ValueTask<CheckAnswer<T>>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        errors.CheckName("queue", queue);
        _answers.Add(new ConsumerPlan<CheckMessage>
        {
            Queue = queue,
            Read = CheckMessages.Read,
            Call = async (message, context, cancellationToken) =>
            {
                ConsumerServices services = ((MessageContext)context).ConsumerServices;
                bool isResent = await AskAsync(handler, services, message, context, cancellationToken).ConfigureAwait(false);
                await ((MessageContext)context).RespondToCheckAsync(isResent, cancellationToken).ConfigureAwait(false);
            },
        });
        return this;
    }

    /// <inheritdoc/>
    public ICheckBuilder MaxAttempts(int attempts)
    {
        errors.CheckRange("The number of attempts of checked messages", attempts, 1, MaxMaxAttempts);
        Plan = Plan with { MaxAttempts = attempts };
        return this;
    }

    /// <inheritdoc/>
    public ICheckBuilder Retry(Action<IRetryBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        RetryBuilder builder = new(Plan.Queue, errors);
        configure(builder);
        Plan = Plan with { Retry = builder.Build() };
        return this;
    }

    /// <inheritdoc/>
    public ICheckBuilder OnFailed(Func<MessageCheck, string, IServiceProvider, CancellationToken, ValueTask> failed)
    {
        ArgumentNullException.ThrowIfNull(failed);
        Plan = Plan with { OnFailed = failed };
        return this;
    }

    private static ValueTask<CheckAnswer<T>> AskClass<T, THandler>(MessageCheck check, IMessageContext context, CancellationToken cancellationToken)
        where THandler : class, ICheckHandler<T>
        => context.Services.GetRequiredService<THandler>().CheckAsync(check, cancellationToken);

    private static async ValueTask<bool> AskAsync<T>(
        Func<MessageCheck, IMessageContext, CancellationToken, ValueTask<CheckAnswer<T>>> handler,
        ConsumerServices services,
        CheckMessage message,
        IMessageContext context,
        CancellationToken cancellationToken)
    {
        CheckAnswer<T> answer = await handler(message.Check!, context, cancellationToken).ConfigureAwait(false) ?? throw MqErrors.NoCheckAnswer(typeof(T));
        if (answer.IsResend)
        {
            await services.Publisher.ResendAsync(answer.Message!, message, cancellationToken).ConfigureAwait(false);
        }

        return answer.IsResend;
    }

    private CheckBuilder Add<T>(CheckCallback callback)
    {
        if (!_callbacks.TryAdd(typeof(T), callback))
        {
            errors.Add($"Two answer for the producer of {typeof(T).Name} when its messages are checked. Name one.");
        }

        return this;
    }
}
