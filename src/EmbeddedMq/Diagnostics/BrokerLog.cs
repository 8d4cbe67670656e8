using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <summary>What the broker itself logs, beside the typed layer. Ids: <see cref="LogEvents"/>.</summary>
internal static partial class BrokerLog
{
    [LoggerMessage(LogEvents.MemoryOnly, LogLevel.Information, "Broker '{Broker}' keeps messages in memory only: they do not survive the process. Publishers wait above {HighWatermarkBytes} bytes")]
    internal static partial void MemoryOnly(ILogger logger, string broker, long highWatermarkBytes);

    [LoggerMessage(LogEvents.PublishersBlocked, LogLevel.Warning, "Broker '{Broker}' makes publishers wait: messages take {Bytes} bytes, the watermark is {HighWatermarkBytes}")]
    internal static partial void PublishersBlocked(ILogger logger, string broker, long bytes, long highWatermarkBytes);

    [LoggerMessage(LogEvents.PublishersUnblocked, LogLevel.Information, "Broker '{Broker}' lets publishers go on: messages take {Bytes} bytes")]
    internal static partial void PublishersUnblocked(ILogger logger, string broker, long bytes);

    [LoggerMessage(LogEvents.BrokerTaskFailed, LogLevel.Error, "A task of the broker failed: a defect of the broker, or an event handler of the application that threw")]
    internal static partial void TaskFailed(ILogger logger, Exception error);

    [LoggerMessage(LogEvents.BrokerStoppedWithMessages, LogLevel.Warning, "Broker '{Broker}' stopped with {Messages} messages in its queues, {Unacked} handed over and not settled, and {Delayed} delayed; they end with the process. Left per queue: {Queues}")]
    internal static partial void StoppedWithMessages(ILogger logger, string broker, long messages, long unacked, long delayed, string queues);

    [LoggerMessage(LogEvents.BrokerStoppedWithStored, LogLevel.Information, "Broker '{Broker}' stopped with {Messages} messages in its queues, {Unacked} handed over and not settled, and {Delayed} delayed; persistent ones of durable queues come back at the next start, others end with the process. Left per queue: {Queues}")]
    internal static partial void StoppedWithStored(ILogger logger, string broker, long messages, long unacked, long delayed, string queues);

    [LoggerMessage(LogEvents.BrokerStoppedEmpty, LogLevel.Information, "Broker '{Broker}' stopped with nothing left in its queues")]
    internal static partial void StoppedEmpty(ILogger logger, string broker);

    [LoggerMessage(LogEvents.DefinitionsIgnored, LogLevel.Information, "Importing definitions left out {Count} entries that change nothing here: {Entries}")]
    internal static partial void DefinitionsIgnored(ILogger logger, int count, string entries);

    [LoggerMessage(LogEvents.AcknowledgementTimedOut, LogLevel.Warning, "Channel {Channel} of connection '{Connection}' is closed: its delivery {DeliveryTag} was not settled within {Timeout}. It goes back to its queue, and so do all that came after it")]
    internal static partial void AcknowledgementTimedOut(ILogger logger, int channel, string connection, ulong deliveryTag, TimeSpan timeout);

    [LoggerMessage(LogEvents.BacklogReadFailed, LogLevel.Error, "The next messages of queue '{Queue}' cannot be read from disk. Nothing is passed over; it is tried again in {DelayMs} ms")]
    internal static partial void BacklogReadFailed(ILogger logger, string queue, long delayMs, Exception error);

    [LoggerMessage(LogEvents.StorageOpened, LogLevel.Information, "Broker '{Broker}' stores in '{Directory}', confirms {Durability}: {Queues} queues with {Messages} messages were found; last stop: {Stop}")]
    internal static partial void StorageOpened(ILogger logger, string broker, string directory, Durability durability, int queues, long messages, string stop);

    [LoggerMessage(LogEvents.CheckpointFailed, LogLevel.Warning, "A checkpoint could not be written; the one before holds, and the next start takes longer")]
    internal static partial void CheckpointFailed(ILogger logger, Exception error);

    [LoggerMessage(LogEvents.EvacuationFailed, LogLevel.Warning, "Long-lived messages could not be moved out of the journal; they stay where they are, and the journal as long as it is")]
    internal static partial void EvacuationFailed(ILogger logger, Exception error);

    [LoggerMessage(LogEvents.CompactionFailed, LogLevel.Warning, "What is left in the log of long-lived messages could not be moved together; it stays where it is, and the log as long as it is")]
    internal static partial void CompactionFailed(ILogger logger, Exception error);

    [LoggerMessage(LogEvents.JournalTooLong, LogLevel.Warning, "Broker '{Broker}' makes publishers of persistent messages wait: the journal has {Bytes} bytes, and what lives long in it is being moved out")]
    internal static partial void JournalTooLong(ILogger logger, string broker, long bytes);

    [LoggerMessage(LogEvents.JournalShortAgain, LogLevel.Information, "Broker '{Broker}' lets publishers of persistent messages go on: the journal has {Bytes} bytes")]
    internal static partial void JournalShortAgain(ILogger logger, string broker, long bytes);

    [LoggerMessage(LogEvents.JournalNotShortened, LogLevel.Warning, "The journal has {Bytes} bytes and cannot be shortened: messages at its beginning, at address {Address}, cannot be moved; it goes on growing")]
    internal static partial void JournalNotShortened(ILogger logger, long bytes, long address);

    [LoggerMessage(LogEvents.StorageFailed, LogLevel.Error, "The store cannot be written: publishes of persistent messages are refused or wait; consuming goes on; it is tried again in {Delay}")]
    internal static partial void StorageFailed(ILogger logger, Exception? error, TimeSpan delay);

    [LoggerMessage(LogEvents.StorageLowSpace, LogLevel.Warning, "The disk of the store is nearly full: publishers of persistent messages wait; consuming and settling go on")]
    internal static partial void StorageLowSpace(ILogger logger, Exception? error);

    [LoggerMessage(LogEvents.StorageBack, LogLevel.Information, "The store can be written again; publishers go on")]
    internal static partial void StorageBack(ILogger logger);

    [LoggerMessage(LogEvents.ReceiptsInMemory, LogLevel.Warning, "What is known of processed messages stays in memory until the next start, however much it is: '{Directory}' cannot be used")]
    internal static partial void ReceiptsInMemory(ILogger logger, string directory, Exception error);

    [LoggerMessage(LogEvents.StorageDamage, LogLevel.Error, "Damaged and left out: {Region}")]
    internal static partial void StorageDamage(ILogger logger, string region);
}
