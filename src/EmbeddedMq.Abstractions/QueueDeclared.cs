namespace EmbeddedMq;

/// <summary>What a broker answers to the declaration of a queue.</summary>
/// <param name="Name">The queue's name, made by the broker where the declaration had none.</param>
/// <param name="MessageCount">Ready messages; unacknowledged ones are not counted.</param>
/// <param name="ConsumerCount">Consumers.</param>
public readonly record struct QueueDeclared(string Name, uint MessageCount, uint ConsumerCount);
