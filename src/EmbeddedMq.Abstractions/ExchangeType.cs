namespace EmbeddedMq;

/// <summary>The names of the exchange types.</summary>
public static class ExchangeType
{
    /// <summary>To the bindings whose key equals the routing key.</summary>
    public const string Direct = "direct";

    /// <summary>To every binding.</summary>
    public const string Fanout = "fanout";

    /// <summary>By dot-separated words; <c>*</c> matches one word, <c>#</c> none or more.</summary>
    public const string Topic = "topic";

    /// <summary>By the message's headers and the binding's <c>x-match</c>.</summary>
    public const string Headers = "headers";

    /// <summary>To one binding, chosen by a hash, in proportion to the weights that the binding keys are.</summary>
    public const string ConsistentHash = "x-consistent-hash";

    /// <summary>To one binding, chosen at random.</summary>
    public const string Random = "x-random";

    /// <summary>To one binding of a local queue, chosen at random; within one process the same as <see cref="Random"/>.</summary>
    public const string LocalRandom = "x-local-random";

    /// <summary>Holds a message for the milliseconds of its header <c>x-delay</c>, then routes as the type named by the argument <c>x-delayed-type</c>.</summary>
    public const string Delayed = "x-delayed-message";
}
