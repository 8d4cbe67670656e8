namespace EmbeddedMq.Handlers.Consuming;

/// <summary>What all messages of one run of a consumer have in common: one object, so that each message's context needs one reference. Immutable.</summary>
/// <param name="Channel">The channel to settle on.</param>
/// <param name="Forwarder">Sends copies.</param>
/// <param name="Services">What the consumer works with.</param>
/// <param name="Queue">The queue.</param>
/// <param name="HandlerServices">What its handlers are resolved from where no scope is needed for that; <see langword="null"/>: each message's scope.</param>
internal sealed record ConsumerSite(IChannel Channel, Forwarder Forwarder, ConsumerServices Services, string Queue, IServiceProvider? HandlerServices);
