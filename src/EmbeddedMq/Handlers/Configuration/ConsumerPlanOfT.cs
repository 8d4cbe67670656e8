using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>How one queue is consumed. Immutable.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
internal sealed record ConsumerPlan<T> : ConsumerPlan
{
    /// <summary>Calls the handler.</summary>
    public required HandlerCall<T> Call { get; init; }

    /// <summary>Reads a message that consists of more than its body, without the serializer; <see langword="null"/>: the serializer reads the body.</summary>
    public Func<Message, T>? Read { get; init; }

    /// <summary>Reads a message's key, or <see langword="null"/> where order does not matter.</summary>
    public Func<T, object>? KeyOf { get; init; }

    /// <summary>Checks that the serializer knows the answer's type, for a consumer that answers.</summary>
    public Action<IMessageSerializer>? CheckResponse { get; init; }

    /// <summary>What it recognises its messages by, or <see langword="null"/> where each delivery is handled.</summary>
    public IdempotentPlan<T>? Idempotent { get; init; }

    /// <inheritdoc/>
    public override bool IsIdempotent => Idempotent is not null;

    /// <inheritdoc/>
    public override string? Scope => Idempotent?.Scope;

    /// <inheritdoc/>
    public override bool KeepsKeyOrder => KeyOf is not null;

    /// <inheritdoc/>
    public override void Check(IMessageSerializer serializer, IReadOnlyDictionary<Type, PublishRoute> routes)
    {
        bool isByReference = routes.TryGetValue(typeof(T), out PublishRoute? route) && route.ReferenceBytes is not null;
        if (Read is null && !isByReference)
        {
            serializer.CheckReading<T>();
        }

        CheckResponse?.Invoke(serializer);
    }

    /// <inheritdoc/>
    public override ConsumerEndpoint CreateEndpoint(ConsumerServices services) => new ConsumerEndpoint<T>(this, services);
}
