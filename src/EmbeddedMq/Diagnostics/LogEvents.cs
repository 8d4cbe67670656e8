namespace EmbeddedMq.Diagnostics;

/// <summary>The ids of log events. An id keeps its meaning for ever; what is no longer logged leaves a gap.</summary>
/// <remarks>1000 start and stop, 1100 consumers, 1200 handlers, 1300 publishing and requests, 1400 metrics, 1500 the outbox, 1600 checks: <see cref="Log"/>. 2000 the broker itself, 2100 its storage: <see cref="BrokerLog"/>.</remarks>
internal static class LogEvents
{
    // Start and stop

    /// <summary>Information. The broker was started or reached.</summary>
    internal const int BrokerStarted = 1000;

    /// <summary>Debug. Exchanges, queues and bindings were declared.</summary>
    internal const int TopologyDeclared = 1001;

    /// <summary>Error. The start failed; what had been started was stopped again.</summary>
    internal const int StartFailed = 1002;

    /// <summary>Information, or warning when something was left: what remains in each consumed queue after the consumers stopped.</summary>
    internal const int ConsumersStopped = 1003;

    /// <summary>Warning. Handlers did not end in time; their cancellation tokens were cancelled.</summary>
    internal const int HandlersCancelled = 1004;

    /// <summary>Warning. A part could not be closed in order; the stop went on.</summary>
    internal const int StopStepFailed = 1005;

    // Consumers

    /// <summary>Information. A consumer began to consume its queue.</summary>
    internal const int ConsumerStarted = 1100;

    /// <summary>Warning. A consumer ended though nobody stopped it; it is started again after a delay.</summary>
    internal const int ConsumerLost = 1101;

    /// <summary>Warning. A consumer could not be started again; the next attempt follows after a delay.</summary>
    internal const int ConsumerRestartFailed = 1102;

    /// <summary>Warning. A consumer ended though nobody stopped it, and handlers go on for long after that; it is started again when they have ended.</summary>
    internal const int HandlersOutliveConsumer = 1103;

    // Handlers

    /// <summary>Warning. A handler failed; its message is tried again after a delay.</summary>
    internal const int HandlerFailedRetrying = 1200;

    /// <summary>Error. A handler failed for the last time; its message was dead-lettered.</summary>
    internal const int MessageDeadLettered = 1201;

    /// <summary>Error. A body could not be read; its message was dead-lettered.</summary>
    internal const int MessageUnreadable = 1202;

    /// <summary>Error. A handler failed after it had settled its message; nothing more is done.</summary>
    internal const int HandlerFailedAfterSettling = 1203;

    /// <summary>Error. A copy for a retry or dead-letter queue was not taken; the original stays unsettled and the copy is tried again.</summary>
    internal const int CopyFailed = 1204;

    /// <summary>Warning. A message could not be settled because its channel had closed; the broker delivers it again.</summary>
    internal const int SettlementLost = 1205;

    /// <summary>Information. A handler was cancelled by a stop; its message goes back to the queue.</summary>
    internal const int HandlerReturned = 1206;

    /// <summary>Warning. A handler dead-lettered its message itself.</summary>
    internal const int MessageDeadLetteredByHandler = 1207;

    /// <summary>Error. An idempotent consumer's message has no id, or its id was processed with other content; it was dead-lettered.</summary>
    internal const int MessageNotRecognised = 1208;

    /// <summary>Debug. A message was processed before; it was acknowledged without its handler.</summary>
    internal const int DuplicateAcknowledged = 1209;

    /// <summary>Debug. Somebody else processes the message at this moment; it is asked for again after a delay.</summary>
    internal const int MessageBusy = 1210;

    /// <summary>Error. The idempotence store failed; the message stays unsettled and is tried again.</summary>
    internal const int IdempotenceStoreFailed = 1211;

    /// <summary>Warning. A claim was not renewed in time and somebody else has the message; its effect may be done twice.</summary>
    internal const int ClaimLost = 1212;

    /// <summary>Warning. A claim could not be renewed; it is tried again before its lease is over.</summary>
    internal const int ClaimNotRenewed = 1213;

    /// <summary>Warning. A claim could not be given up; it ends with its lease.</summary>
    internal const int ClaimNotEnded = 1214;

    /// <summary>Error. A service of a message's scope failed at its end, after or without a handler's success.</summary>
    internal const int ScopeEndFailed = 1215;

    // Publishing and requests

    /// <summary>Warning. An answer was dropped: the request has no reply-to, or its sender is gone.</summary>
    internal const int ResponseDropped = 1300;

    /// <summary>Warning. The fault of a request could not be sent to its sender.</summary>
    internal const int FaultNotSent = 1301;

    /// <summary>Debug. A reply came for which nobody waits any more.</summary>
    internal const int ReplyUnexpected = 1302;

    /// <summary>Warning. The channel that replies come in on was lost; the requests that waited on it failed.</summary>
    internal const int ReplyChannelLost = 1303;

    // Metrics

    /// <summary>Debug. The broker's counts could not be read for metrics.</summary>
    internal const int GaugesFailed = 1400;

    // The outbox

    /// <summary>Warning. The broker refused a message; it is tried again after a delay.</summary>
    internal const int OutboxSendFailed = 1500;

    /// <summary>Error. A message was refused for the last time and given up.</summary>
    internal const int OutboxMessageFailed = 1501;

    /// <summary>Warning. The broker cannot be reached or makes publishers wait; sending goes on after a delay.</summary>
    internal const int OutboxBrokerUnreachable = 1502;

    /// <summary>Warning. The store failed; it is tried again after a delay.</summary>
    internal const int OutboxStoreFailed = 1503;

    /// <summary>Warning. What became of messages could not be noted before their lease was over or the application stopped.</summary>
    internal const int OutboxNoteLost = 1504;

    /// <summary>Error. The application's function that is told of given up messages failed.</summary>
    internal const int OutboxCallbackFailed = 1505;

    /// <summary>Warning. The stop's time was over before all that was in hand had been confirmed or given back.</summary>
    internal const int OutboxLeftBehind = 1506;

    // Delayed second confirmation

    /// <summary>Warning. Nobody has confirmed to have processed a message in time, and its producer was asked; what it answered.</summary>
    internal const int CheckAnswered = 1600;

    /// <summary>Error. Nobody has confirmed to have processed a message, and it was given up.</summary>
    internal const int CheckFailed = 1601;

    /// <summary>Error. The application's function that is told of given up messages failed.</summary>
    internal const int CheckCallbackFailed = 1602;

    /// <summary>Warning. The idempotence store failed for a check or a confirmation; it comes again.</summary>
    internal const int CheckStoreFailed = 1603;

    /// <summary>Warning. A message was processed, and its check service could not be told.</summary>
    internal const int ConfirmationNotSent = 1604;

    // The broker itself

    /// <summary>Information. The broker started and keeps messages in memory only.</summary>
    internal const int MemoryOnly = 2000;

    /// <summary>Warning. Messages take more memory than the watermark; publishers are made to wait.</summary>
    internal const int PublishersBlocked = 2001;

    /// <summary>Information. Publishers go on.</summary>
    internal const int PublishersUnblocked = 2002;

    /// <summary>Error. A task of the broker failed: a defect, or an event handler of the application that threw.</summary>
    internal const int BrokerTaskFailed = 2003;

    /// <summary>Warning. The broker stopped with messages in its queues, counted per queue.</summary>
    internal const int BrokerStoppedWithMessages = 2004;

    /// <summary>Information. The broker stopped with nothing left.</summary>
    internal const int BrokerStoppedEmpty = 2005;

    /// <summary>Information. An import of definitions left out entries that change nothing here.</summary>
    internal const int DefinitionsIgnored = 2006;

    /// <summary>Warning. A channel was closed because a delivery was not settled in time.</summary>
    internal const int AcknowledgementTimedOut = 2007;

    /// <summary>Error. Messages of a queue cannot be read from disk; it is tried again.</summary>
    internal const int BacklogReadFailed = 2020;

    // Storage

    /// <summary>Information. The broker stores in a directory; what it found there.</summary>
    internal const int StorageOpened = 2100;

    /// <summary>Warning. A checkpoint could not be written; the one before holds.</summary>
    internal const int CheckpointFailed = 2101;

    /// <summary>Error. The store cannot be written; publishers wait while the broker tries again.</summary>
    internal const int StorageFailed = 2102;

    /// <summary>Warning. The disk is nearly full; publishers wait.</summary>
    internal const int StorageLowSpace = 2103;

    /// <summary>Information. The store can be written again.</summary>
    internal const int StorageBack = 2104;

    /// <summary>Error. A part of a damaged store could not be taken over.</summary>
    internal const int StorageDamage = 2105;

    /// <summary>Information. The broker stopped with messages in its queues, counted per queue; those that are stored come back.</summary>
    internal const int BrokerStoppedWithStored = 2107;

    /// <summary>Warning. Long-lived messages could not be moved out of the journal, which stays as long as it is.</summary>
    internal const int EvacuationFailed = 2106;

    /// <summary>Warning. What is left in the log of long-lived messages could not be moved together; the log stays as long as it is.</summary>
    internal const int CompactionFailed = 2108;

    /// <summary>Warning. The journal is longer than it may be; publishers of persistent messages are made to wait.</summary>
    internal const int JournalTooLong = 2109;

    /// <summary>Information. Publishers go on: the beginning of the journal has been released.</summary>
    internal const int JournalShortAgain = 2110;

    /// <summary>Warning. The beginning of the journal cannot be released, and publishers go on all the same.</summary>
    internal const int JournalNotShortened = 2111;

    /// <summary>Warning. What is known of processed messages stays in memory, because no files can be made for it.</summary>
    internal const int ReceiptsInMemory = 2112;
}
