namespace EmbeddedMq;

/// <summary>What a consumer left when it stopped. Immutable.</summary>
/// <param name="Queue">Its queue.</param>
/// <param name="Returned">Messages that it had received and gave back unhandled, among them those of handlers that were cancelled in time.</param>
/// <param name="Abandoned">Handlers that did not end in time; their messages went back to the queue, and they may still be running.</param>
/// <param name="Ready">Messages in the queue afterwards, those given back among them; -1 where the broker could not be asked.</param>
public sealed record ConsumerStopReport(string Queue, int Returned, int Abandoned, long Ready);
